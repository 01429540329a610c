import Basics

/// A stranger's text in a line for a person: cut, and without what a terminal would obey.
func shown(_ text: String) -> String {
  var line = ""
  for scalar in text.unicodeScalars.prefix(80) { line.unicodeScalars.append(scalar.isControl ? "?" : scalar) }
  return line
}
