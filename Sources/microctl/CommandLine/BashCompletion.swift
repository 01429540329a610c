/// The script that `microctl completion bash` prints; everything in it comes from the tables of verbs and options.
enum BashCompletion {
  static func script(_ verbs: [Verb]) -> String {
    var cases = ""
    var choices = ""
    for verb in verbs {
      let options = Text.joined((verb.options + globalOptions).flatMap(words), by: " ")
      cases += "    \(verb.name)) options='\(options)' operands=\(operandKind(verb)) ;;\n"
      for option in verb.options where option.placeholder != nil {
        choices += "    \(verb.name):\(Text.joined(words(option), by: "|\(verb.name):"))) \(completion(option)) ;;\n"
      }
    }
    let globals = Text.joined(globalOptions.flatMap(words), by: " ")
    let names = Text.joined(verbs.map { $0.name }, by: " ")
    return """
      # bash completion of microctl. Load it with: source <(microctl completion bash)
      # What strangers chose is never expanded, as compgen would, and not offered where the command line would expand it.
      _microctl_strangers() {
        local line
        while IFS= read -r line; do
          if [[ $line == "$current"* && $line != *[^A-Za-z0-9._-]* ]]; then COMPREPLY+=("$line"); fi
        done < <(microctl "${socket[@]}" "$@" 2>/dev/null)
      }
      _microctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
        local verb= options= operands= index socket=() node=()
        COMPREPLY=()
        for ((index = 1; index < COMP_CWORD; index++)); do
          case ${COMP_WORDS[index]} in
          --socket) socket=(--socket "${COMP_WORDS[++index]}") ;;
          --node) node=(--node "${COMP_WORDS[++index]}") ;;
          -*) ;;
          *) verb=${COMP_WORDS[index]}; break ;;
          esac
        done
        if [[ $previous == --socket ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
        if [[ $previous == --node ]]; then _microctl_strangers nodes --names; return; fi
        if [[ -z $verb ]]; then
          COMPREPLY=($(compgen -W '\(names) \(globals)' -- "$current")); return
        fi
        case $verb in
      \(cases)  esac
        case $verb:$previous in
      \(choices)  esac
        if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current")); return; fi
        case $operands in
        containers)
          COMPREPLY=($(compgen -W "$(microctl "${socket[@]}" "${node[@]}" ps --all --names 2>/dev/null)" -- "$current")) ;;
        publications)
          # Bash takes a colon for a word of its own, and completes what is behind it.
          local name=$current
          if [[ $current == : ]]; then name=$previous:; fi
          if [[ $previous == : ]]; then name=${COMP_WORDS[COMP_CWORD-2]}:$current; fi
          COMPREPLY=($(compgen -W "$(microctl "${socket[@]}" "${node[@]}" publish --names 2>/dev/null)" -- "$name"))
          if [[ $name == *:* && $name != "$current" ]]; then COMPREPLY=("${COMPREPLY[@]#*:}"); fi ;;
        images|roots)
          # As with publications, a colon is a word of its own.
          local name=$current
          if [[ $current == : ]]; then name=$previous:; fi
          if [[ $previous == : ]]; then name=${COMP_WORDS[COMP_CWORD-2]}:$current; fi
          COMPREPLY=($(compgen -W "$(microctl "${socket[@]}" "${node[@]}" images --names 2>/dev/null)" -- "$name"))
          if [[ $name == *:* && $name != "$current" ]]; then COMPREPLY=("${COMPREPLY[@]#*:}"); fi
          if [[ $operands == roots && $name != *:* ]]; then
            compopt -o filenames; COMPREPLY+=($(compgen -f -- "$current"))
          fi ;;
        leases) COMPREPLY=($(compgen -W "$(microctl "${socket[@]}" "${node[@]}" leases --names 2>/dev/null)" -- "$current")) ;;
        settings)
          COMPREPLY=($(compgen -W "$(microctl "${socket[@]}" "${node[@]}" settings --names 2>/dev/null)" -- "$current")) ;;
        verbs) COMPREPLY=($(compgen -W '\(names)' -- "$current")) ;;
        subcommands) COMPREPLY=($(compgen -W 'create' -- "$current")) ;;
        shells) COMPREPLY=($(compgen -W 'bash' -- "$current")) ;;
        files) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")) ;;
        esac
      }
      complete -F _microctl microctl

      """
  }

  private static func words(_ option: Option) -> [String] {
    var words = option.long.map { "--\($0)" }
    if let short = option.short { words.append("-\(Unicode.Scalar(short))") }
    return words
  }

  private static func completion(_ option: Option) -> String {
    if !option.choicesCommand.isEmpty { return "_microctl_strangers \(option.choicesCommand); return" }
    if option.choices.isEmpty { return "COMPREPLY=($(compgen -f -- \"$current\")); return" }
    return "COMPREPLY=($(compgen -W '\(Text.joined(option.choices, by: " "))' -- \"$current\")); return"
  }

  private static func operandKind(_ verb: Verb) -> String {
    if Text.starts(verb.operands, with: "CONTAINER") || Text.starts(verb.operands, with: "[CONTAINER") {
      return "containers"
    }
    if Text.starts(verb.operands, with: "LEASE") || Text.starts(verb.operands, with: "[LEASE") { return "leases" }
    if Text.starts(verb.operands, with: "[COMMAND") { return "verbs" }
    if Text.starts(verb.operands, with: "IMAGE|ROOTFS") { return "roots" }
    if Text.starts(verb.operands, with: "NAME[:TAG]") || Text.starts(verb.operands, with: "[NAME[:TAG]") {
      return "images"
    }
    if Text.starts(verb.operands, with: "IMAGE") { return "files" }
    switch verb.name {
    case "completion": return "shells"
    case "microcloud": return "subcommands"
    case "unpublish": return "publications"
    case "unset": return "settings"
    default: return "none"
    }
  }
}
