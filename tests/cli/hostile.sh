#!/bin/sh
# The tool on the hostile models that `hostile` writes: exit code 1, one line that says what is wrong, nothing written.
# usage: hostile.sh TENON HOSTILE
set -u
tenon=$1 hostile=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
mkdir "$work/models"
"$hostile" "$work/models" || exit 1
failed=0
cases=0

# refused WANTED ARGUMENT...: WANTED is parts separated by '|'
refused() {
    wanted=$1
    shift
    cases=$((cases + 1))
    timeout 60 "$tenon" "$@" > "$work/out" 2> "$work/err" < /dev/null
    code=$?
    if [ $code -ne 1 ] || [ "$(wc -l < "$work/err")" -ne 1 ] || ! grep -q '^tenon: ' "$work/err" || [ -s "$work/out" ]; then
        echo "tenon $*: exit code $code, wanted 1 and one line 'tenon: ...'; it said:"
        head -c 1000 "$work/out" "$work/err"
        failed=1
    fi
    [ -n "${HOSTILE_SHOW:-}" ] && cat "$work/err"
    rest=$wanted
    while [ -n "$rest" ]; do
        part=${rest%%|*}
        grep -qF -- "$part" "$work/err" || { echo "tenon $*: no \"$part\" in: $(head -c 600 "$work/err")"; failed=1; }
        [ "$part" = "$rest" ] && break
        rest=${rest#*|}
    done
    if [ -e "$work/outputs" ]; then
        echo "tenon $*: outputs were written"
        rm -rf "$work/outputs"
        failed=1
    fi
}

before=$(cd "$work/models" && ls | cksum)
while IFS='|' read -r name kind arguments wanted; do
    model=$work/models/$name.onnx
    if [ "$kind" = load ]; then
        case $name in cycle | bomb | external_up | truncated) refused "$wanted" show "$model" ;; esac
        refused "$wanted" run "$model" --input random --output-dir "$work/outputs"
        continue
    fi
    for device in cpu ref; do
        # shellcheck disable=SC2086 # words on purpose
        [ "$name" = missing_input ] || [ -n "$arguments" ] || arguments="--input x=zeros"
        case $name in
            trip_count) arguments="$arguments --limit max_bytes=100000000" ;; # by default the machine's memory
            huge_constant | huge_range) arguments="" ;;
            huge_product) arguments="--input x=zeros --input z=zeros" ;;
        esac
        # shellcheck disable=SC2086
        refused "$wanted" run "$model" --device $device $arguments --output-dir "$work/outputs"
    done
done < "$work/models/list"
[ "$before" = "$(cd "$work/models" && ls | cksum)" ] || { echo "something was written beside the models"; failed=1; }
[ $failed -eq 0 ] && echo "$cases runs of the tool, all refused as wanted"
exit $failed
