extension SerfMessage.Query {
  /// Whether a member passes all filters. False, too, where a filter is of a kind or an expression that we do not know:
  /// then it is for others to answer.
  public func selects(_ node: NodeName, tags: Tags) -> Bool {
    filters.allSatisfy { $0.selects(node, tags: tags) }
  }
}

extension QueryFilter {
  fileprivate func selects(_ node: NodeName, tags: Tags) -> Bool {
    switch self {
    case .nodes(let names): names.contains(node)
    case .tag(let name, let expression): RegularExpression(expression)?.matches(tags[name] ?? "") ?? false
    case .unknown: false
    }
  }
}
