# Sourced by the tests of `tenon show`: writes models to the folder $work.

# fused.tn: a kernel of several nodes, a launch of several kernels, values that lie blocked by channel
cat > "$work/fused.tn" << 'G'
graph "main" {
  input %1 "x" : f32[1,16,16,16]
  input %2 "w" : f32[16,16,3,3]
  input %3 "logits" : f32[64,512]
  %4 = conv(%1, %2) {pads=[1,1,1,1]} : f32[1,16,16,16] @ "model.py:1"  # first
  %5 = relu(%4) : f32[1,16,16,16]  # rectify
  %6 = add(%5, %5) : f32[1,16,16,16]
  %7 = max_pool(%6) {kernel_shape=[2,2], strides=[2,2]} : f32[1,16,8,8]
  %8 = softmax(%3) : f32[64,512]  # soft
  output "y" %7
  output "z" %8
}
G

# bodies.tn: a loop, and an if within it
cat > "$work/bodies.tn" << 'G'
graph "main" {
  input %1 "x" : f32[64,64]
  input %2 "go" : bool[]
  %3 = constant {value=i64[] (3)} : i64[]
  %4 = exp(%1) : f32[64,64]
  %5 = loop(%3, _, %4) {n_state=1, body=graph "round" {
    input %1 "i" : i64[]
    input %2 "c" : bool[]
    input %3 "s" : f32[64,64]
    %4 = tanh(%3) : f32[64,64]
    %5 = if(%2, %4) {then_branch=graph "yes" {
      input %1 "a" : f32[64,64]
      %2 = neg(%1) : f32[64,64]
      output "y" %2
    }, else_branch=graph "no" {
      input %1 "a" : f32[64,64]
      %2 = relu(%1) : f32[64,64]
      output "y" %2
    }} : f32[64,64]
    output "c" %2
    output "s" %5
  }} : f32[64,64]
  output "y" %5
}
G

# hostile.tn: names of any bytes
printf 'graph "<script>alert(1)</script>" symbols(N) {\n  input %%1 "a\xff\"<b>\x27" : f32[8,64]\n' > "$work/hostile.tn"
printf '  %%2 "</code>--><svg>" = exp(%%1) : f32[8,64] @ "</td><script>"  # </details>"\n  %%3 = softmax(%%2) : f32[8,64]\n' >> "$work/hostile.tn"
printf '  output "http://x/\xfe" %%3\n}\n' >> "$work/hostile.tn"

# detector.tn: a node whose result has a shape that depends on data, between what can be compiled
cat > "$work/detector.tn" << 'G'
graph "detector" {
  input %1 "image" : f32[1,16,16,16]
  input %2 "w" : f32[16,16,3,3]
  input %3 "v" : f32[8,16,1,1]
  %4 = conv(%1, %2) {pads=[1,1,1,1]} : f32[1,16,16,16] @ "model.py:1"  # first
  %5 = relu(%4) : f32[1,16,16,16]
  %6 = add(%5, %1) : f32[1,16,16,16]
  %7 = non_zero(%6) : i64[4,?] @ "model.py:7"  # where
  %8 = cast(%7) {to=f32} : f32[4,?]
  %9 = exp(%8) : f32[4,?]
  %10 = neg(%9) : f32[4,?]
  %11 = abs(%10) : f32[4,?]
  %12 = conv(%5, %3) : f32[1,8,16,16]
  %13 = sigmoid(%12) : f32[1,8,16,16]
  %14 = tanh(%13) : f32[1,8,16,16]
  output "y" %11
  output "z" %14
}
G
