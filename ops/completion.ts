/**
 * What bash evaluates: `eval "$(./slipway completion)"`. Options are those of each command's own `--help`, stacks those that have a file.
 *
 * @param commands names of the commands
 */
export function completion(commands: readonly string[]): string {
  return `_slipway() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=
  if [ "$COMP_CWORD" = 1 ]; then words="${commands.join(" ")}"
  elif [ "$before" = --stack ]; then
    words=$(cd "$(dirname "$(readlink -f "$(type -P "\${COMP_WORDS[0]}")")")" && ls Pulumi.*.yaml | sed 's/^Pulumi\\.//; s/\\.yaml$//')
  elif [ "\${word#-}" != "$word" ]; then
    words=$("\${COMP_WORDS[0]}" "\${COMP_WORDS[1]}" --help 2> /dev/null | grep -o '^  --[a-z-]*')
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _slipway slipway ./slipway
`;
}
