/* Settings of an executable: what its options say, in the words of a device. */
#include "session/session.h"

#include "base/os_thread.h"

void tn__settings_release(tn__settings *s) {
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1) return;
    tn_context *c = s->context;
    tn__arena_deinit(&s->arena);
    tn__free(&c->allocator, s, sizeof *s);
    tn_context_release(c);
}

/* Of the four names, which stand in order. */
static tn__logger logger_of(tn_context *context, const tn_options *o) {
    static const char *const names[] = {[TN_LOG_ERROR] = "error", [TN_LOG_WARN] = "warn", [TN_LOG_INFO] = "info", [TN_LOG_DEBUG] = "debug"};
    tn__logger l = {context, TN_LOG_ERROR, o->ranks[TN__OPTION_log_level] != TN__OPTION_DEFAULT};
    while (strcmp(names[l.most], o->values[TN__OPTION_log_level])) l.most++;
    return l;
}

/* Threads and memory can only be placed by those who know the machine. */
static tn_error *check_topology(const tn_allocator *a, const tn_options *o) {
    if (tn__topology_is_built()) return NULL;
    bool affinity = tn__options_choice(o, TN__OPTION_affinity) > TN__AFFINITY_COMPACT;
    if (!affinity && tn__options_choice(o, TN__OPTION_numa) == TN__NUMA_DEFAULT) return NULL;
    tn__option which = affinity ? TN__OPTION_affinity : TN__OPTION_numa;
    return TN__FAIL(a, UNSUPPORTED, "option %s=%s: this build of Tenon has no libhwloc", tn__option_infos[which].name, o->values[which]);
}

enum { PROFILE_OFF, PROFILE_ON, PROFILE_EVERY, PROFILE_COUNTERS }; /* in the order of options.def */

tn_error *tn__settings_create(tn_context *context, const tn_options *o, tn__settings **out) {
    const tn_allocator *a = &context->allocator;
    const char *name = o->values[TN__OPTION_device];
    const tn__device_vtable *device = tn__device_find(name);
    if (!device) return TN__FAIL(a, UNSUPPORTED, "device '%s' is not part of this build", name);
    TN__TRY(check_topology(a, o));
    tn__settings *s = tn__alloc_zero(a, sizeof *s);
    if (!s) return tn__error_oom();
    atomic_init(&s->references, 1);
    s->context = context;
    tn_context_retain(context);
    tn__arena_init(&s->arena, a);
    s->device = device;
    s->max_specialisations = (uint32_t)tn__options_int(o, TN__OPTION_max_specialisations);
    int64_t threads = tn__options_int(o, TN__OPTION_threads);
    int32_t most = context->thread_pool.threads; /* 0: there is no such bound */
    if (!threads) threads = most ? most : tn__os_processor_count();
    if (most && threads > most) threads = most;
    const char *passes = o->values[TN__OPTION_passes_off], *cpu = o->values[TN__OPTION_cpu], *fast = o->values[TN__OPTION_fast_math];
    const char *dir = o->values[TN__OPTION_cache_dir], *dump = o->values[TN__OPTION_dump_graphs];
    if (strcmp(o->values[TN__OPTION_cache], "on")) dir = "";
    if (!strcmp(cpu, "host")) cpu = "";
    const char *precision = o->values[TN__OPTION_precision];
    tn_dtype weights = !strcmp(precision, "bf16") ? TN_DTYPE_bf16 : !strcmp(precision, "f16") ? TN_DTYPE_f16
                       : !strcmp(precision, "int8") ? TN_DTYPE_i8 : TN_DTYPE_NONE;
    bool winograd = !strcmp(o->values[TN__OPTION_winograd], "auto");
    static const char *const modes[] = {"ignore", "use", "require", "record"}; /* by tn__tuning_mode */
    const char *tuning = o->values[TN__OPTION_tuning], *tuning_file = o->values[TN__OPTION_tuning_file];
    int mode = 0, profile = (int)tn__options_choice(o, TN__OPTION_profile);
    while (strcmp(modes[mode], tuning)) mode++;
    s->config = (tn__device_config){.context = context, .threads = (int32_t)threads,
                                    .portable = !strcmp(o->values[TN__OPTION_determinism], "portable"),
                                    .spin_us = (uint32_t)tn__options_int(o, TN__OPTION_spin_us),
                                    .affinity = (tn__affinity)tn__options_choice(o, TN__OPTION_affinity),
                                    .numa = (tn__numa)tn__options_choice(o, TN__OPTION_numa),
                                    .layout = (tn__layout_preference)tn__options_choice(o, TN__OPTION_layout),
                                    .weights = weights, .tf32 = !strcmp(precision, "tf32"),
                                    .flush_denormals = !strcmp(o->values[TN__OPTION_denormals], "flush"),
                                    .winograd_error = winograd ? tn__options_real(o, TN__OPTION_winograd_max_error) : 0,
                                    .memory_limit = (uint64_t)tn__options_int(o, TN__OPTION_memory_limit),
                                    .small_pages = !strcmp(o->values[TN__OPTION_huge_pages], "off"),
                                    .compile_budget_ms = (uint64_t)tn__options_int(o, TN__OPTION_compile_budget_ms),
                                    .profile = profile != PROFILE_OFF, .profile_every = profile > PROFILE_ON, .counters = profile == PROFILE_COUNTERS,
                                    .cache_max_bytes = (uint64_t)tn__options_int(o, TN__OPTION_cache_max_bytes), .hook = o->hook,
                                    .log = logger_of(context, o), .tuning = (tn__tuning_mode)mode,
                                    .tuning_budget_ms = (uint64_t)tn__options_int(o, TN__OPTION_tuning_budget_ms)};
    bool ok = (!*tuning_file || (s->config.tuning_file = tn__arena_strdup(&s->arena, tuning_file))) &&
              (!*passes || (s->config.disabled_passes = tn__arena_strdup(&s->arena, passes))) &&
              (!*cpu || (s->config.cpu = tn__arena_strdup(&s->arena, cpu))) &&
              (!*dump || (s->config.dump_folder = tn__arena_strdup(&s->arena, dump))) &&
              (!strcmp(fast, "none") || (s->config.fast_math = tn__arena_strdup(&s->arena, fast))) &&
              (!*dir || (s->config.cache_dir = tn__arena_strdup(&s->arena, dir)));
    if (!ok) {
        tn__settings_release(s);
        return tn__error_oom();
    }
    *out = s;
    return NULL;
}

tn_error *tn__settings_trace(tn__settings *s, const tn_options *o) {
    const char *path = o->values[TN__OPTION_trace];
    if (!*path || s->config.dry) return NULL;
    TN__TRY(tn__trace_open(s->context, path, TN__TRACE_MOST_BYTES, &s->config.log, &s->trace.trace));
    s->trace.next = o->hook;
    s->config.hook = tn__trace_hook_of(&s->trace);
    return NULL;
}
