# shellcheck shell=bash
# Numbers and lists from the environment, checked where they are read. Decimal always: 010 is ten.

# problem, why, what to do: on stderr; the script ends with 2.
stop() {
  printf 'fedfuse: error: %s\n  why: %s\n  do:  %s\n' "$1" "$2" "$3" >&2
  exit 2
}

trimmed() { # without spaces at its ends
  local word=$1
  word=${word#"${word%%[![:space:]]*}"}
  printf '%s' "${word%"${word##*[![:space:]]}"}"
}

# name of the variable, its value, the least that it may be: prints the number without leading zeros
whole() {
  local word
  word=$(trimmed "$2")
  [[ $word =~ ^[0-9]+$ ]] ||
    stop "$1=$2 is no whole number" "it must be a decimal number >= $3" "set it to one, or unset it"
  word=${word#"${word%%[!0]*}"}
  word=${word:-0}
  [ "${#word}" -le 9 ] ||
    stop "$1=$2 is too large" "at most nine digits make sense here" "set it to a smaller number"
  [ "$word" -ge "$3" ] ||
    stop "$1=$2 is too small" "it must be >= $3" "set it to a larger number, or unset it"
  printf '%s' "$word"
}

# name, value: prints the first number of a list like OMP_NUM_THREADS=4,2 (one for each level)
first_whole() {
  local first='' word number
  local -a words
  IFS=, read -ra words <<<"$2"
  for word in "${words[@]}"; do
    number=$(whole "$1" "$word" 1) || exit
    first=${first:-$number}
  done
  [ -n "$first" ] || stop "$1=$2 names no number" "it is a list of numbers" "set it to one"
  printf '%s' "$first"
}
