#!/bin/sh
# tenon doctor on a product that waits for its weights, or does not: the ceilings say so, and they are planted. Other rules are planted in
# unit.test_doctor; that one hint is given does not mean that it is the only one in a build with assertions, on a busy machine.
# usage: doctor.sh TENON
set -u
tenon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
failed=0

. "$(dirname "$0")/want.sh"
. "$(dirname "$0")/ceilings.sh"

none() { # no "TEXT" in what the last command wrote
    grep -qF -- "$1" "$work/out" || return
    echo "found '$1' in:"
    cat "$work/out"
    failed=1
}

# 512 x 512 weights, one MiB
awk 'BEGIN {
    print "graph \"g\" {\n  input %1 \"x\" : f32[1,512]"
    printf "  %%2 = constant {value=f32[512,512] ("
    for (i = 0; i < 262144; i++) printf "%s%.4f", i ? ", " : "", (i * 7919 % 10007) / 5000 - 1
    print ")} : f32[512,512]\n  %3 = matmul(%1, %2) : f32[1,512]\n  output \"y\" %3\n}"
}' > "$work/m.tn"
doctor="doctor --seconds 0.1 --threads 1 $work/m.tn"

kept 1 1e30 1e9 ""
want 0 "(memory_bound; up to 50 % of a call)" $doctor
want 0 "try: --set precision=bf16" $doctor
want 0 "outputs differ by up to " $doctor --apply
want 0 '"max_difference": ' $doctor --apply --json
want 0 " a call, 1 steps" $doctor --set precision=bf16
none "try: --set precision"

# a processor that multiplies no faster than the memory brings weights
kept 1 1e9 1e30 ""
want 0 " a call, 1 steps" $doctor
none "memory_bound"

[ $failed -eq 0 ] && echo "doctor: ok"
exit $failed
