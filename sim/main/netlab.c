/* SPDX-License-Identifier: MIT */
/*
 * estab-netlab: the network laboratory's tables (docs/performance.md).
 *
 *   estab-netlab [--quick] [--cc A,B] [--seeds N] [--part I/N] [--json FILE]
 *                                         the grid; the last part adds weather, repair and fairness
 *   estab-netlab --cell RTT:LOSS:REORDER:RATE:QUEUE [--weather NAME] [--cc A] [--seed S]
 *                                         one cell: ms, loss and reordering in parts per million,
 *                                         Mbit/s, queue in percent of rate x RTT; seed by seed
 *   estab-netlab --series CC [--cell ...] cwnd, RTT and sequence over time, as CSV
 */
#include "sim/netlab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CC_MAX 8
#define SEEDS_MAX 15
#define BULK_OCTETS (UINT64_C(64) << 20)
#define BULK_TIME ESTAB_SEC(20)
#define HOPELESS ESTAB_SEC(3600)

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static const struct estab_alloc heap = { .get = get, .put = put };

struct options {
    bool quick, cell;
    unsigned n_cc;
    uint8_t cc[CC_MAX];
    char cc_name[CC_MAX][16];
    unsigned seeds, part, parts;
    uint64_t seed; /* 0: as many as `seeds` */
    struct sim_path path;
    unsigned weather;
    const char *json, *series;
};

struct grid {
    unsigned n[5];
    uint32_t rtt[4], loss[5], reorder[3], mbit[3], queue[3];
    uint64_t large, bulk;
    estab_time bulk_time;
};

static const struct grid whole = {
    { 4, 5, 3, 3, 3 },
    { 1, 20, 100, 300 },
    { 0, 1000, 10000, 50000, 100000 },
    { 0, 50000, 300000 },
    { 1, 100, 1000 },
    { 50, 100, 400 },
    10000000,
    BULK_OCTETS,
    BULK_TIME,
};
/* What the test-suite has time for. */
static const struct grid quick = {
    { 2, 3, 2, 2, 1 }, { 20, 100 }, { 0, 1000, 50000 }, { 0, 300000 }, { 1, 100 }, { 100 },
    1000000,           4000000,     ESTAB_SEC(10),
};

static void
must(bool built, const char *const *failure)
{
    if (built && *failure == NULL)
        return;
    fprintf(stderr, "estab-netlab: %s\n", built ? *failure : "no memory");
    exit(1);
}

static int64_t
median(int64_t *x, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        int64_t one = x[i];
        unsigned k = i;

        for (; k > 0 && x[k - 1] > one; k--)
            x[k] = x[k - 1];
        x[k] = one;
    }
    return x[n / 2];
}

/* ---- the grid ---- */

static struct sim_flow_result
run(const struct sim_path *path, uint8_t cc, uint64_t seed, uint64_t octets, estab_time until)
{
    struct sim_flow_plan plan = {
        .path = *path, .cc = cc, .seed = seed, .octets = octets, .until = until
    };
    struct sim_flow_result r;

    must(sim_flow_run(&heap, &plan, &r), &r.failure);
    return r;
}

enum column {
    GOODPUT,
    SENT,
    AGAIN,
    SPURIOUS,
    TIMEOUTS,
    NEEDLESS,
    PROBES,
    SMALL,
    MIDDLE,
    LARGE,
    COLUMNS
};
static const char *const column_names[COLUMNS] = {
    "goodput_kbit", "segments", "sent_again", "spurious", "timeouts",
    "needless",     "probes",   "us_10k",     "us_100k",  "us_large",
};

/* Of one seed. A flow that was not complete when time was up counts as -1. */
static void
measure(const struct sim_path *path, const struct grid *g, uint8_t cc, uint64_t seed,
        int64_t to[COLUMNS])
{
    static const uint64_t small[] = { 10000, 100000 };
    struct sim_flow_result r = run(path, cc, seed, g->bulk, g->bulk_time);

    to[GOODPUT] = (int64_t)(r.heard * 8 / ((uint64_t)r.took / 1000000 + 1));
    to[SENT] = (int64_t)r.sent;
    to[AGAIN] = (int64_t)r.sent_again;
    to[SPURIOUS] = (int64_t)r.spurious;
    to[TIMEOUTS] = (int64_t)r.timeouts;
    to[NEEDLESS] = (int64_t)r.needless;
    to[PROBES] = (int64_t)r.probes;
    for (unsigned i = 0; i < 2; i++) {
        r = run(path, cc, seed, small[i], HOPELESS);
        to[SMALL + i] = r.complete ? r.took / 1000 : -1;
    }
    r = run(path, cc, seed, g->large, HOPELESS);
    to[LARGE] = r.complete ? r.took / 1000 : -1;
}

static void
print_time(int64_t us)
{
    if (us < 0)
        printf(" %11s", "-");
    else
        printf(" %7" PRId64 ".%03" PRId64, us / 1000000, us / 1000 % 1000);
}

static void
print_head(const struct grid *g)
{
    printf(
        "Flows over one path; the defaults with buffers that fit it. loss %%, reordering %% (by up\n"
        "to RTT/4) towards the receiver; queue in bandwidth-delay products, drop-tail. goodput of a\n"
        "flow of %" PRIu64 " MB cut at %" PRId64
        " s, and in %% of theory: the rate, with losses at most Reno's\n"
        "1.22 MSS / (RTT sqrt(p)). Of the same flow: segments sent again, spuriously (all had arrived\n"
        "before), timeouts, needless timeouts. Then seconds until all of 10 kB, 100 kB, %" PRIu64
        " MB was heard.\n\n",
        g->bulk / 1000000, g->bulk_time / ESTAB_SEC(1), g->large / 1000000);
    printf("%-6s %4s %5s %4s %5s %4s %9s %5s %6s %6s %5s %5s %11s %11s %11s\n", "cc", "RTT", "loss",
           "reo", "Mbit", "BDP", "kbit/s", "%", "again", "spur", "RTOs", "need.", "10 kB", "100 kB",
           "large");
}

static void
print_row(const struct options *o, unsigned cc, const struct sim_path *p, const int64_t m[COLUMNS])
{
    uint64_t theory = sim_path_theory(p);

    printf("%-6s %4" PRIu32 " %3" PRIu32 ".%" PRIu32 " %4" PRIu32 " %5" PRIu32 " %2" PRIu32
           ".%" PRIu32 " %9" PRId64 " %5" PRIu64,
           o->cc_name[cc], p->rtt_ms, p->loss_ppm / 10000, p->loss_ppm / 1000 % 10,
           p->reorder_ppm / 10000, p->mbit, p->queue_percent / 100, p->queue_percent / 10 % 10,
           m[GOODPUT], (uint64_t)m[GOODPUT] * 100 / theory);
    printf(" %6" PRId64 " %6" PRId64 " %5" PRId64 " %5" PRId64, m[AGAIN], m[SPURIOUS], m[TIMEOUTS],
           m[NEEDLESS]);
    for (unsigned i = SMALL; i <= LARGE; i++)
        print_time(m[i]);
    putchar('\n');
    fflush(stdout);
}

static void
write_row(FILE *json, const struct options *o, unsigned cc, const struct sim_path *p,
          const int64_t m[COLUMNS])
{
    fprintf(json,
            "{\"cc\":\"%s\",\"rtt_ms\":%" PRIu32 ",\"loss_ppm\":%" PRIu32
            ",\"reorder_ppm\":%" PRIu32 ",\"mbit\":%" PRIu32 ",\"queue_percent\":%" PRIu32
            ",\"theory_kbit\":%" PRIu64,
            o->cc_name[cc], p->rtt_ms, p->loss_ppm, p->reorder_ppm, p->mbit, p->queue_percent,
            sim_path_theory(p));
    for (unsigned i = 0; i < COLUMNS; i++)
        fprintf(json, ",\"%s\":%" PRId64, column_names[i], m[i]);
    fprintf(json, "}\n");
}

static void
run_cell(const struct options *o, const struct grid *g, unsigned cc, const struct sim_path *p,
         FILE *json)
{
    int64_t of[COLUMNS][SEEDS_MAX], m[COLUMNS];

    for (unsigned s = 0; s < o->seeds; s++) {
        measure(p, g, o->cc[cc], o->seed != 0 ? o->seed : s + 1, m);
        for (unsigned i = 0; i < COLUMNS; i++)
            of[i][s] = m[i];
        if (o->cell)
            print_row(o, cc, p, m);
    }
    for (unsigned i = 0; i < COLUMNS; i++)
        m[i] = median(of[i], o->seeds);
    if (!o->cell)
        print_row(o, cc, p, m);
    if (json != NULL)
        write_row(json, o, cc, p, m);
}

static void
run_grid(const struct options *o, const struct grid *g, FILE *json)
{
    unsigned cells = o->n_cc * g->n[0] * g->n[1] * g->n[2] * g->n[3] * g->n[4];
    unsigned from = cells * o->part / o->parts, to = cells * (o->part + 1) / o->parts;

    for (unsigned i = from; i < to; i++) {
        unsigned queue = i % g->n[4], mbit = i / g->n[4] % g->n[3];
        unsigned reorder = i / (g->n[4] * g->n[3]) % g->n[2];
        unsigned loss = i / (g->n[4] * g->n[3] * g->n[2]) % g->n[1];
        unsigned rtt = i / (g->n[4] * g->n[3] * g->n[2] * g->n[1]) % g->n[0];
        unsigned cc = i / (g->n[4] * g->n[3] * g->n[2] * g->n[1] * g->n[0]);
        struct sim_path p = { .rtt_ms = g->rtt[rtt],
                              .mbit = g->mbit[mbit],
                              .queue_percent = g->queue[queue],
                              .loss_ppm = g->loss[loss],
                              .reorder_ppm = g->reorder[reorder] };

        run_cell(o, g, cc, &p, json);
    }
}

/* ---- weather ---- */

/* The rate's share for text is what theory promises here: how much of it there can be in the end
 * is told by the rows beside it. */
static void
run_weather(const struct options *o, FILE *json)
{
    unsigned seconds = o->quick ? 10 : 30;

    printf("\nWeather: a flow of %u s over 20 ms, 20 Mbit/s and a queue of one BDP; %% of\n"
           "the rate. The losses of the queue count as sent again.\n\n",
           seconds);
    for (unsigned i = 0; i < SIM_WEATHER_COUNT; i++)
        printf("  %-9s  %s\n", sim_weather_name(i), sim_weather_text(i));
    printf("\n%-6s %-9s %9s %5s %6s %6s %5s %5s %6s\n", "cc", "weather", "kbit/s", "%", "again",
           "spur", "RTOs", "need.", "probes");
    for (unsigned k = 0; k < o->n_cc * SIM_WEATHER_COUNT; k++) {
        unsigned cc = k / SIM_WEATHER_COUNT;
        struct sim_path p = { .weather = (uint8_t)(k % SIM_WEATHER_COUNT),
                              .rtt_ms = 20,
                              .mbit = 20,
                              .queue_percent = 100 };
        struct sim_flow_result r = run(&p, o->cc[cc], 1, BULK_OCTETS * 2, ESTAB_SEC(seconds));
        uint64_t kbit = r.heard * 8 / ((uint64_t)r.took / 1000000 + 1);

        printf("%-6s %-9s %9" PRIu64 " %5" PRIu64 " %6" PRIu64 " %6" PRIu64 " %5" PRIu64
               " %5" PRIu64 " %6" PRIu64 "\n",
               o->cc_name[cc], sim_weather_name(p.weather), kbit, kbit * 100 / sim_path_theory(&p),
               r.sent_again, r.spurious, r.timeouts, r.needless, r.probes);
        if (json != NULL)
            fprintf(json,
                    "{\"cc\":\"%s\",\"weather\":\"%s\",\"goodput_kbit\":%" PRIu64
                    ",\"sent_again\":%" PRIu64 ",\"spurious\":%" PRIu64 ",\"timeouts\":%" PRIu64
                    "}\n",
                    o->cc_name[cc], sim_weather_name(p.weather), kbit, r.sent_again, r.spurious,
                    r.timeouts);
    }
}

/* ---- repair ---- */

/* What is lost of a flow of 100 kB: its 21st segment, the same and its retransmission, the last. */
static const struct {
    const char *name;
    struct sim_hold hold;
} losses[] = {
    { "single", { .with_text = true, .nth = 20, .action = SIM_HOLD_DROP } },
    { "again", { .with_text = true, .nth = 20, .repeats = 1, .action = SIM_HOLD_DROP } },
    { "tail",
      { .ctl = ESTAB_CTL_FIN,
        .ctl_mask = ESTAB_CTL_FIN,
        .with_text = true,
        .action = SIM_HOLD_DROP } },
};
#define LOSSES (sizeof losses / sizeof *losses)

static void
run_repair(const struct options *o, const struct grid *g, FILE *json)
{
    printf(
        "\nRepair, in ms from the loss until its octets could be heard, without the way there; 100 kB,\n"
        "100 Mbit/s: one segment; the same and its retransmission; the last segment, with the FIN.\n\n");
    printf("%-6s %4s %9s %9s %9s\n", "cc", "RTT", losses[0].name, losses[1].name, losses[2].name);
    for (unsigned k = 0; k < o->n_cc * g->n[0]; k++) {
        struct sim_flow_plan plan = {
            .path = { .rtt_ms = g->rtt[k % g->n[0]], .mbit = 100, .queue_percent = 400 },
            .cc = o->cc[k / g->n[0]],
            .seed = 1,
            .octets = 100000,
            .until = HOPELESS,
            .n_holds = 1
        };
        int64_t us[LOSSES];

        for (unsigned i = 0; i < LOSSES; i++) {
            struct sim_flow_result r;

            plan.holds[0] = losses[i].hold;
            must(sim_flow_run(&heap, &plan, &r), &r.failure);
            us[i] = r.repaired < 0 ? -1 : r.repaired / 1000;
        }
        printf("%-6s %4" PRIu32, o->cc_name[k / g->n[0]], plan.path.rtt_ms);
        for (unsigned i = 0; i < LOSSES; i++)
            printf(" %5" PRId64 ".%03" PRId64, us[i] / 1000, us[i] % 1000);
        putchar('\n');
        if (json != NULL)
            fprintf(json,
                    "{\"cc\":\"%s\",\"rtt_ms\":%" PRIu32 ",\"repair_single_us\":%" PRId64
                    ",\"repair_again_us\":%" PRId64 ",\"repair_tail_us\":%" PRId64 "}\n",
                    o->cc_name[k / g->n[0]], plan.path.rtt_ms, us[0], us[1], us[2]);
    }
}

/* ---- fairness ---- */

static void
run_fair(const struct options *o, FILE *json)
{
    static const unsigned flows[] = { 2, 4, 8, 16 };
    unsigned pairs = o->n_cc > 1 ? o->n_cc + 1 : o->n_cc;

    printf(
        "\nFairness: flows through one bottleneck of %s Mbit/s, 20 ms, a queue of one BDP; what each had\n"
        "between %s. Jain's index, use of the bottleneck in %%, least and most in %% of\n"
        "an equal share; mixed: one half the first algorithm, one half the second.\n\n",
        o->quick ? "20" : "50", o->quick ? "5 s and 20 s" : "20 s and 120 s");
    printf("%-12s %5s %7s %5s %6s %6s\n", "cc", "flows", "Jain", "use", "least", "most");
    for (unsigned k = 0; k < pairs * 4; k++) {
        struct sim_fair_plan plan = {
            .path = { .rtt_ms = 20, .mbit = o->quick ? 20 : 50, .queue_percent = 100 },
            .seed = 1,
            .n = flows[k % 4],
            .from = ESTAB_SEC(o->quick ? 5 : 20),
            .until = ESTAB_SEC(o->quick ? 20 : 120)
        };
        struct sim_fair_result r;
        uint64_t sum = 0, least = UINT64_MAX, most = 0;
        const char *name = k / 4 < o->n_cc ? o->cc_name[k / 4] : "mixed";

        for (unsigned i = 0; i < plan.n; i++) {
            plan.cc[i] = k / 4 < o->n_cc ? o->cc[k / 4] : o->cc[i % 2];
            plan.start[i] = ESTAB_MS(37 * i);
        }
        must(sim_fair_run(&heap, &plan, &r), &r.failure);
        for (unsigned i = 0; i < plan.n; i++) {
            sum += r.heard[i];
            least = r.heard[i] < least ? r.heard[i] : least;
            most = r.heard[i] > most ? r.heard[i] : most;
        }
        sum = sum < plan.n ? plan.n : sum;
        printf("%-12s %5u %3" PRIu32 ".%03" PRIu32 " %5" PRIu32 " %6" PRIu64 " %6" PRIu64 "\n",
               name, plan.n, r.jain_ppm / SIM_PPM, r.jain_ppm / 1000 % 1000, r.use_ppm / 10000,
               least * 100 * plan.n / sum, most * 100 * plan.n / sum);
        fflush(stdout);
        if (json != NULL)
            fprintf(json,
                    "{\"cc\":\"%s\",\"flows\":%u,\"jain_ppm\":%" PRIu32 ",\"use_ppm\":%" PRIu32
                    "}\n",
                    name, plan.n, r.jain_ppm, r.use_ppm);
    }
}

/* ---- series for plots ---- */

static void
print_sample(void *ctx, const struct estab_trace *r)
{
    (void)ctx;
    printf("%" PRId64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 "\n",
           r->at / 1000, r->tcb.cwnd, r->tcb.ssthresh, r->tcb.flight, r->tcb.srtt_us,
           r->tcb.snd_una - r->tcb.iss);
}

/* 10 Mbit/s, 60 ms, one BDP of queue: some sawteeth in 30 s. */
static int
run_series(const struct options *o, const char *name)
{
    struct sim_flow_plan plan = {
        .path = { .rtt_ms = 60, .mbit = 10, .queue_percent = 100, .loss_ppm = 0 },
        .cc = (uint8_t)estab_cc_by_name(name),
        .seed = 1,
        .octets = BULK_OCTETS,
        .until = ESTAB_SEC(30),
        .sample = print_sample,
    };
    struct sim_flow_result r;

    if (o->cell)
        plan.path = o->path;
    printf("us,cwnd,ssthresh,flight,srtt_us,una\n");
    must(sim_flow_run(&heap, &plan, &r), &r.failure);
    return 0;
}

/* ---- options ---- */

static int
usage(const char *what, const char *value)
{
    fprintf(
        stderr,
        "estab-netlab: %s %s\n"
        "usage: estab-netlab [--quick] [--cc A,B] [--seeds N] [--part I/N] [--json FILE]\n"
        "       estab-netlab --cell RTT:LOSS:REORDER:RATE:QUEUE [--weather NAME] [--cc A] [--seed S]\n"
        "       estab-netlab --series CC\n",
        what, value);
    return 2;
}

/* "reno,cubic": false if one is not known. */
static bool
read_algorithms(struct options *o, const char *list)
{
    o->n_cc = 0;
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        int cc;

        if (o->n_cc == CC_MAX || len == 0 || len >= sizeof o->cc_name[0])
            return false;
        memcpy(o->cc_name[o->n_cc], list, len);
        o->cc_name[o->n_cc][len] = '\0';
        cc = estab_cc_by_name(o->cc_name[o->n_cc]);
        if (cc < 0)
            return false;
        o->cc[o->n_cc++] = (uint8_t)cc;
        list += len + (list[len] == ',');
    }
    return o->n_cc > 0;
}

/* `n` numbers with `between` in between and nothing after. */
static bool
read_numbers(const char *text, char between, uint64_t *to, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char *end;

        if (*text < '0' || *text > '9')
            return false;
        to[i] = strtoull(text, &end, 10);
        if (to[i] > UINT32_MAX || *end != (i + 1 < n ? between : '\0'))
            return false;
        text = end + 1;
    }
    return true;
}

static bool
read_option(struct options *o, const char *name, const char *value)
{
    uint64_t n[5];

    if (strcmp(name, "--cc") == 0)
        return read_algorithms(o, value);
    if (strcmp(name, "--weather") == 0) {
        while (o->weather < SIM_WEATHER_COUNT && strcmp(sim_weather_name(o->weather), value) != 0)
            o->weather++;
        return o->weather < SIM_WEATHER_COUNT;
    }
    if (strcmp(name, "--json") == 0) {
        o->json = value;
        return true;
    }
    if (strcmp(name, "--series") == 0) {
        o->series = value;
        return estab_cc_by_name(value) >= 0;
    }
    if (strcmp(name, "--seeds") == 0 && read_numbers(value, ',', n, 1)) {
        o->seeds = (unsigned)n[0];
        return n[0] >= 1 && n[0] <= SEEDS_MAX;
    }
    if (strcmp(name, "--seed") == 0 && read_numbers(value, ',', n, 1)) {
        o->seed = n[0];
        o->seeds = 1;
        return true;
    }
    if (strcmp(name, "--part") == 0 && read_numbers(value, '/', n, 2)) {
        o->part = (unsigned)n[0];
        o->parts = (unsigned)n[1];
        return n[0] < n[1];
    }
    if (strcmp(name, "--cell") == 0 && read_numbers(value, ':', n, 5)) {
        o->cell = true;
        o->path = (struct sim_path){ .rtt_ms = (uint32_t)n[0],
                                     .loss_ppm = (uint32_t)n[1],
                                     .reorder_ppm = (uint32_t)n[2],
                                     .mbit = (uint32_t)n[3],
                                     .queue_percent = (uint32_t)n[4] };
        return n[0] > 0 && n[0] <= 10000 && n[3] > 0 && n[3] <= 100000 && n[4] <= 1000;
    }
    return false;
}

int
main(int argc, char **argv)
{
    struct options o = { .parts = 1, .seeds = 0 };
    const struct grid *g = &whole;
    FILE *json = NULL;

    (void)read_algorithms(&o, "cubic,reno,bbr");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            o.quick = true;
        else if (i + 1 == argc || !read_option(&o, argv[i], argv[i + 1]))
            return usage("cannot use", argv[i]);
        else
            i++;
    }
    if (o.series != NULL)
        return run_series(&o, o.series);
    if (o.seeds == 0)
        o.seeds = 3;
    g = o.quick ? &quick : &whole;
    if (o.json != NULL && (json = fopen(o.json, "w")) == NULL)
        return usage("cannot write", o.json);
    if (o.part == 0)
        print_head(g);
    o.path.weather = (uint8_t)o.weather;
    if (o.cell) {
        for (unsigned cc = 0; cc < o.n_cc; cc++)
            run_cell(&o, g, cc, &o.path, json);
    } else {
        run_grid(&o, g, json);
        if (o.part + 1 == o.parts) {
            run_weather(&o, json);
            run_repair(&o, g, json);
            run_fair(&o, json);
        }
    }
    if (json != NULL && fclose(json) != 0)
        return usage("cannot write", o.json);
    return 0;
}
