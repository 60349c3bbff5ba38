# Sourced by tests of the tool that look at both streams as one. They set tenon, work (a folder) and failed.

# want CODE TEXT ARGUMENT...: the exit code, and a text somewhere in the output
want() {
    code=$1 text=$2
    shift 2
    "$tenon" "$@" > "$work/out" 2>&1 < /dev/null
    found=$?
    if [ $found -ne "$code" ] || ! grep -qF -- "$text" "$work/out"; then
        echo "tenon $*: exit code $found, wanted $code with '$text'; found:"
        cat "$work/out"
        failed=1
    fi
}
