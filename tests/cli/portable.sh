#!/bin/sh
# determinism=portable on other processors: emulated ones (qemu-user) compile and run to the same bits, and one without AVX2 is refused.
# usage: portable.sh TENON
set -u
tenon=$1
command -v qemu-x86_64 > /dev/null || { echo "skipped: no qemu-x86_64 (Debian: qemu-user)"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "skipped: this is no x86-64 machine"; exit 77; }
grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo || { echo "skipped: this processor has no AVX2 and FMA"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# a product, its softmax, sums, our polynomials, and calls of the C library (sin, pow)
cat > "$work/g.tn" << 'END'
graph "g" {
input %1 "a" : f32[37,301]
input %2 "b" : f32[301,93]
%3 = matmul(%1, %2)
%4 = softmax(%3) {axis=1}
%5 = tanh(%3)
%6 = sin(%3)
%7 = exp(%5)
%8 = pow(%7, %5)
%9 = reduce_mean(%7)
%10 = cast(%1) {to=f16}
output "p" %4
output "e" %7
output "s" %6
output "w" %8
output "m" %9
output "h" %10
}
END

# run_on FOLDER DETERMINISM FAST_MATH COMMAND...: the outputs of the graph
run_on() {
    folder=$work/$1 determinism=$2 fast=$3
    shift 3
    "$@" run "$work/g.tn" --input a=random --input b=random --cache off --threads 1 --determinism "$determinism" --fast_math "$fast" --output-dir "$folder" \
        > "$work/out" 2>&1 && return
    echo "$*: $(cat "$work/out")"
    failed=1
}

for fast in none all; do
    run_on here-$fast portable $fast "$tenon"
    for cpu in Haswell EPYC-Milan; do
        run_on $cpu-$fast portable $fast qemu-x86_64 -cpu $cpu "$tenon"
        diff -r "$work/here-$fast" "$work/$cpu-$fast" || { echo "$cpu has other bits, fast_math $fast"; failed=1; }
    done
done
diff -rq "$work/here-none" "$work/here-all" > /dev/null && { echo "fast_math=all has the bits of none"; failed=1; }

if grep -qw avx512vl /proc/cpuinfo; then # without the option they differ: the comparison sees something
    run_on machine machine none "$tenon"
    diff -rq "$work/machine" "$work/here-none" > /dev/null && { echo "machine code has the portable bits: nothing was tested"; failed=1; }
else
    echo "no AVX-512 here: machine code was not compared"
fi

qemu-x86_64 -cpu Nehalem "$tenon" run "$work/g.tn" --input a=random --input b=random --cache off --determinism portable > "$work/out" 2>&1
grep -q "needs an x86-64 processor with AVX2 and FMA, 'nehalem' is none" "$work/out" || { cat "$work/out"; failed=1; }
exit $failed
