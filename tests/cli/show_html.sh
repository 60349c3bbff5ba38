#!/bin/sh
# The pages and drawings of `tenon show`: what is in them. usage: show_html.sh TENON
set -u
tenon=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" PYTHONDONTWRITEBYTECODE=1
failed=0
. "$here/want.sh"
. "$here/show_models.sh"

# draw NAME MODEL ARGUMENT...
draw() {
    name=$1 model=$2
    shift 2
    "$tenon" show "$work/$model.tn" "$@" > "$work/$name" 2> "$work/err" || { echo "tenon show $model.tn $*:"; cat "$work/err"; failed=1; }
}

for format in svg dot html; do draw hostile.$format hostile --format $format; done
draw hostile.after.svg hostile --format svg --after stages
draw hostile.after.html hostile --format html --after stages
draw hostile.time.html hostile --format html --time --seconds 0
for pass in fuse stages in_place; do
    draw fused.$pass.html fused --format html --after $pass
    draw fused.$pass.json fused --json --after $pass
    draw fused.$pass.txt fused --after $pass
done
draw fused.html fused --format html
draw fused.svg fused --format svg --after stages
draw fused.time.html fused --format html --time --seconds 0 --threads 2
draw fused.time.svg fused --format svg --time --seconds 0
export TENON_PRECISION=bf16 TENON_PASSES_OFF=layout TENON_LAYOUT=nchw # the launches that are shown are those that are timed
draw fused.after.time.html fused --format html --after fuse --time --seconds 0
unset TENON_PRECISION TENON_PASSES_OFF TENON_LAYOUT
draw bodies.html bodies --format html
draw bodies.time.html bodies --format html --time --seconds 0 --input go=random
[ $failed -ne 0 ] || python3 "$here/show_html.py" "$work" || failed=1

model="$work/fused.tn"
want 2 "--time wants --format svg or html, found text" show "$model" --time
want 2 "--time wants --format svg or html, found dot" show "$model" --format dot --time
want 2 "--time wants no --after, or one that shows kernels, found cse" show "$model" --format svg --after cse --time
want 2 "--input wants --after, --kernel, --time or --partition" show "$model" --format html --input x=random
want 1 "the model has no input 'v'" show "$model" --format html --time --input v=random
want 1 "control flow" show "$work/bodies.tn" --format html --after stages
exit $failed
