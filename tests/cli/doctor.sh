#!/bin/sh
# tenon doctor on a product that waits for its weights, or does not: the ceilings say so, and they are planted. Other rules are planted in
# unit.test_doctor, the shape of a machine by HWLOC_SYNTHETIC; that one hint is given does not mean that it is the only one in a build with assertions, on a busy machine.
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
# an option that is refused is said to be, and the other hints come all the same
want 0 "tried: refused: the model needs " $doctor --device ref --set memory_limit=100 --apply
want 0 '"refused": "the model needs ' $doctor --device ref --set memory_limit=100 --apply --json
want 0 " a call, 1 steps" $doctor --set precision=bf16
none "try: --set precision"

# a processor that multiplies no faster than the memory brings weights
kept 1 1e9 1e30 ""
want 0 " a call, 1 steps" $doctor
none "memory_bound"

# the program's own threads beside those of a call
want 0 "1000 busy threads of the program and 1 more of Tenon's" $doctor --threads 2 --own-threads 1000

# more threads than processors that are left to the process
if [ "$(field processors)" -gt 1 ]; then
    whole=$machine
    machine="$(field cpu), 1 processors, $(field loops)" # what the ceilings are kept for
    kept 2 1e9 1e30 ""
    itself=$tenon tenon=taskset
    want 0 "2 threads, and the process may run on 1 of the machine's" \
        -c "$(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$itself" doctor --seconds 0.1 --threads 2 "$work/m.tn"
    tenon=$itself machine=$whole
fi

# machines that hwloc is told to see
if grep -q '"hwloc"' "$work/info"; then
    doctor="doctor --seconds 0.1 --threads 2 $work/m.tn"
    kept 2 1e30 1e9 ""
    export HWLOC_SYNTHETIC="node:2 core:1 pu:1"
    want 0 "2 threads reach over 2 memory nodes (cores of the largest: 1)" $doctor
    want 0 "try: --set numa=interleave" $doctor
    want 0 " a call, 1 steps" $doctor --set numa=interleave
    none "(numa;"
    HWLOC_SYNTHETIC="node:2 l3:1(size=10000000) core:1 pu:1" # the weights stay in caches
    want 0 " a call, 1 steps" $doctor
    none "(numa;"
    kept 4 1e30 1e9 ""
    HWLOC_SYNTHETIC="core:4 pu:2"
    want 0 "affinity=compact keeps 3 threads on 2 physical cores, and there are 4 (affinity; up to 33 % of a call)" $doctor --threads 4 --set affinity=compact
    want 0 "try: --set affinity=cores" $doctor --threads 4 --set affinity=compact
    none "(numa;"
    want 0 " a call, 1 steps" $doctor --threads 4 --set affinity=cores
    none "(affinity;"
    unset HWLOC_SYNTHETIC
fi

# a model with a variable: the sum, and its copy for the output
printf 'graph "g" {\n  input %%1 "x" : f32[4,4]\n  variable %%2 "s" : f32[4,4]\n  %%3 = add(%%1, %%2) : f32[4,4]\n  output "y" %%3\n  assign %%2 %%3\n}\n' > "$work/state.tn"
want 0 " a call, 2 steps" doctor "$work/state.tn" --seconds 0.05

[ $failed -eq 0 ] && echo "doctor: ok"
exit $failed
