# Sourced by tests of the tool whose result hangs on ceilings. They set tenon, work (a folder) and XDG_CACHE_HOME.

"$tenon" info --json > "$work/info"
field() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p" "$work/info"; }
machine="$(field cpu), $(field processors) processors, $(field loops)"

# kept THREADS F32 MEMORY DISTORTIONS: plants ceilings of so many threads, as a measurement would have kept them
kept() {
    mkdir -p "$XDG_CACHE_HOME/tenon"
    printf '{"%s, %s threads": {"fma_f32": %s, "fma_f64": 1.0, "dot_i8": 1.0, "memory_read": %s, "distortions": [%s]}}' \
        "$machine" "$1" "$2" "$3" "$4" > "$XDG_CACHE_HOME/tenon/ceilings.json"
}
