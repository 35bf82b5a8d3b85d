/* SPDX-License-Identifier: MIT */
/*
 * estab lab --swarm: worlds out of seeds (sim/swarm.h), on several processors, until a rule of
 * sim/invariants.h does not hold. Then it leaves out of the world what the failure does not need,
 * and tells the command that shows it again, the world, and the ladder of its end.
 */
#include "sim/swarm.h"

#include "cli/numbers.h"
#include "lab/lab.h"
#include "lab/rules.h"
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, LADDER_LINES = 70 };

struct swarm {
    uint64_t seeds, start, minutes, jobs;
    bool one, endless, quiet;
    struct sim_swarm_options options;
    const char *without;
    struct estab_rules rules;
};

/* What one process has to tell. */
struct report {
    uint64_t seeds, hash, events, records, checks, attacks, connections, completed, failed, octets;
    int64_t seconds; /* of virtual time */
    bool failed_seed;
    uint64_t seed;
    char rule[64];
};

static int
usage_error(const char *option, const char *what)
{
    fprintf(stderr, "estab lab --swarm: %.200s: %s (estab lab --swarm --help)\n", option, what);
    return 2;
}

static void
help(void)
{
    printf("usage: estab lab --swarm [OPTION]...\n"
           "Runs random worlds and looks at every instant whether %d rules hold.\n\n"
           "  --seeds N      so many worlds (1000)\n"
           "  --start S      from this seed on (1)\n"
           "  --minutes M    for so long, however many; --seeds may end it sooner\n"
           "  --jobs J       on so many processors (1)\n"
           "  --seed S       one world\n"
           "  --without R    without rules of TCP: is it noticed?\n"
           "  --omit PARTS   leaves these out of the world:",
           (int)SIM_RULE_COUNT);
    for (unsigned i = 0; i < SIM_SWARM_PART_COUNT; i++)
        printf("%s%s", i % 6 == 0 ? "\n                 " : " ",
               sim_swarm_part_name((enum sim_swarm_part)i));
    printf("\n"
           "  --dialogues N  at most so many connections\n"
           "  --ignore RULE  as if that rule held\n"
           "  --invariants   the rules by name\n"
           "Exit status: 0 every rule held, 1 one did not, 2 the command line is wrong.\n");
}

/* ---- options ---- */

static bool
take_parts(struct swarm *s, const char *list)
{
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        unsigned i = 0;

        while (i < SIM_SWARM_PART_COUNT &&
               (strlen(sim_swarm_part_name((enum sim_swarm_part)i)) != n ||
                memcmp(sim_swarm_part_name((enum sim_swarm_part)i), list, n) != 0))
            i++;
        if (i == SIM_SWARM_PART_COUNT)
            return false;
        s->options.omit |= 1u << i;
        list += n + (list[n] == ',');
    }
    return true;
}

static bool
ignore(struct swarm *s, const char *rule)
{
    for (unsigned i = 0; i < SIM_RULE_COUNT; i++)
        if (strcmp(rule, sim_rule_name((enum sim_rule)i)) == 0) {
            s->options.ignored[i / 64] |= (uint64_t)1 << i % 64;
            return true;
        }
    return false;
}

static int
take_word(struct swarm *s, const char *name, const char *value)
{
    if (strcmp(name, "--omit") == 0)
        return take_parts(s, value) ? 0 : usage_error(value, "there is no such part of a world");
    if (strcmp(name, "--ignore") == 0)
        return ignore(s, value) ? 0 : usage_error(value, "there is no such rule");
    for (const char *at = value; *at != '\0';) {
        size_t n = strcspn(at, ",");

        if (lab_rule_find(at, n) < 0)
            return usage_error(value, "there is no such rule of TCP (estab lab --rules)");
        at += n + (at[n] == ',');
    }
    s->without = value;
    return 0;
}

/* 0, or the exit status; -1: nothing is left to do. */
static int
parse(struct swarm *s, int argc, char **argv)
{
    uint64_t dialogues = 0, seed = 0;
    const struct {
        const char *name;
        uint64_t *value;
        uint64_t min, max;
    } numbers[] = {
        { "--seeds", &s->seeds, 1, UINT64_MAX / 2 }, { "--start", &s->start, 0, UINT64_MAX / 2 },
        { "--minutes", &s->minutes, 1, 100000 },     { "--jobs", &s->jobs, 1, JOBS_MAX },
        { "--seed", &seed, 0, UINT64_MAX / 2 },      { "--dialogues", &dialogues, 1, 8 },
    };
    bool has_seeds = false;

    *s = (struct swarm){ .seeds = 1000, .start = 1, .jobs = 1 };
    for (int i = 1; i < argc; i++) {
        size_t k = 0;

        if (strcmp(argv[i], "--swarm") == 0)
            continue;
        if (strcmp(argv[i], "--help") == 0) {
            help();
            return -1;
        }
        if (strcmp(argv[i], "--invariants") == 0) {
            for (unsigned r = 0; r < SIM_RULE_COUNT; r++)
                printf("%s\n", sim_rule_name((enum sim_rule)r));
            return -1;
        }
        if (strcmp(argv[i], "--quiet") == 0) {
            s->quiet = true;
            continue;
        }
        if (i + 1 == argc)
            return usage_error(argv[i], "unknown option, or one without its value");
        if (strcmp(argv[i], "--omit") == 0 || strcmp(argv[i], "--ignore") == 0 ||
            strcmp(argv[i], "--without") == 0) {
            int status = take_word(s, argv[i], argv[i + 1]);

            if (status != 0)
                return status;
            i++;
            continue;
        }
        while (k < sizeof numbers / sizeof numbers[0] && strcmp(argv[i], numbers[k].name) != 0)
            k++;
        if (k == sizeof numbers / sizeof numbers[0])
            return usage_error(argv[i], "unknown option");
        if (!estab_parse_number(argv[++i], numbers[k].min, numbers[k].max, numbers[k].value))
            return usage_error(argv[i], "a number is wanted, within its limits");
        has_seeds |= k == 0;
        s->one |= k == 4;
    }
    if (s->one) {
        s->start = seed;
        s->seeds = s->jobs = 1;
    }
    s->endless = s->minutes > 0 && !has_seeds && !s->one;
    s->options.max_dialogues = (uint32_t)dialogues;
    return 0;
}

/* The C library's heap: faster here than pages from the system, which a world returns at once. */
static void *
heap_get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
heap_put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static void
take_rules_away(void *ctx, struct estab_stack *stack)
{
    struct swarm *s = ctx;

    estab_lab_set_rules(stack, &s->rules);
}

/* ---- one process ---- */

static int64_t
seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void
add(struct report *sum, uint64_t seed, const struct sim_result *r)
{
    sum->seeds++;
    sum->hash += sim_mix(seed, r->hash); /* in any order */
    sum->events += r->events;
    sum->records += r->records;
    sum->checks += r->checks;
    sum->attacks += r->attacks;
    sum->connections += r->dialogues;
    sum->completed += r->completed;
    sum->failed += r->failed;
    sum->octets += r->octets;
    sum->seconds += r->lasted / 1000000000;
}

/* A world takes and returns slabs by the thousand: they stay with the process. */
static void
keep_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 25);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 28);
#endif
}

static void
hunt(const struct swarm *s, uint64_t job, int64_t until, struct report *sum)
{
    const struct estab_alloc from = { .get = heap_get, .put = heap_put };
    struct sim_result r;

    for (uint64_t i = job; s->endless || i < s->seeds; i += s->jobs) {
        if (s->minutes > 0 && seconds_now() >= until)
            return;
        sim_swarm_run(&from, s->start + i, &s->options, &r);
        add(sum, s->start + i, &r);
        if (r.failure.rule == NULL)
            continue;
        sum->failed_seed = true;
        sum->seed = s->start + i;
        snprintf(sum->rule, sizeof sum->rule, "%s", r.failure.rule);
        return;
    }
}

/* ---- a failure ---- */

static bool
fails_alike(const struct sim_swarm_options *options, uint64_t seed, const char *rule)
{
    const struct estab_alloc from = { .get = heap_get, .put = heap_put };
    struct sim_result r;

    sim_swarm_run(&from, seed, options, &r);
    return r.failure.rule != NULL && strcmp(r.failure.rule, rule) == 0;
}

/* Leaves out whatever the same rule is broken without. */
static void
shrink(struct sim_swarm_options *o, uint64_t seed, const char *rule)
{
    struct sim_swarm_options try;

    for (uint32_t n = 1; n < 8 && o->max_dialogues == 0; n++) {
        try = *o;
        try.max_dialogues = n;
        if (fails_alike(&try, seed, rule))
            *o = try;
    }
    for (unsigned i = 0; i < SIM_SWARM_PART_COUNT; i++) {
        try = *o;
        try.omit |= 1u << i;
        if (try.omit != o->omit && fails_alike(&try, seed, rule))
            *o = try;
    }
}

static void
print_time(const char *before, estab_time t)
{
    if (t > 0)
        printf("%s%" PRId64 ".%06" PRId64 "s", before, t / 1000000000, t / 1000 % 1000000);
}

static void
print_ppm(const char *before, uint32_t ppm)
{
    if (ppm > 0)
        printf("%s%u.%02u%%", before, (unsigned)(ppm / 10000), (unsigned)(ppm / 100 % 100));
}

/* The world, as the seed and what was left out have made it. */
static void
print_world(void *ctx, const struct sim_world *w, const struct sim_apps *apps)
{
    static const char *const endings[] = { "shutdown", "after-peer", "close-early", "abort" };

    (void)ctx;
    for (size_t i = 0; i < w->n_hosts; i++) {
        const struct estab_config *c = &w->hosts[i]->cfg;

        printf("  host %zu", i);
        print_time(" msl=", c->msl);
        if (w->hosts[i]->drift_ppm != 0)
            printf(" drift=%dppm", (int)w->hosts[i]->drift_ppm);
        printf(" timestamps=%s sack=%s window-scaling=%s cc=%s memory-budget=%zu\n",
               c->timestamps ? "on" : "off", c->sack ? "on" : "off",
               c->window_scaling ? "on" : "off", estab_cc_name(c->tcp.cc), c->memory_budget);
    }
    for (size_t i = 0; i < w->n_joints; i++) {
        const struct sim_joint *j = &w->joints[i];
        const struct sim_link_config *c = &j->link.cfg;

        printf("  link %u %u", (unsigned)j->end[0].host, (unsigned)j->end[1].host);
        print_time(" delay=", c->delay);
        if (c->bits_per_second > 0)
            printf(" rate=%" PRIu64, c->bits_per_second);
        print_ppm(" loss=", c->faults.loss_ppm);
        print_ppm(" duplicates=", c->faults.duplicate_ppm);
        print_ppm(" reorder=", c->faults.reorder_ppm);
        print_ppm(" corrupt=", c->faults.corrupt_ppm);
        print_ppm(" forged=", c->faults.forge_ppm);
        printf(" holds=%u\n", c->n_holds);
    }
    if (w->attacker != NULL)
        printf("  attacker:%s%s%s\n", w->attacker->replays ? " old packets" : "",
               w->attacker->forges ? " blind segments" : "", w->attacker->lies ? " ICMP lies" : "");
    for (uint32_t i = 0; i < apps->n_dialogues; i++) {
        const struct sim_dialogue *d = &apps->dialogues[i];

        printf("  dialogue %u: host %u -> host %u, %" PRIu64 " and %" PRIu64 " octets, %s and %s",
               (unsigned)i, (unsigned)d->host[0], (unsigned)d->host[1], d->part[0].total,
               d->part[1].total, endings[d->part[0].ending], endings[d->part[1].ending]);
        print_time(", at ", d->start_at);
        printf("\n");
    }
}

/* A view_write_fn. */
static int
put_line(void *ctx, const void *p, size_t n)
{
    return fwrite(p, 1, n, ctx) == n ? 0 : -ENOMEM;
}

static void
draw(void *ctx, const struct estab_trace *r)
{
    (void)estab_view_ladder_record(ctx, r);
}

/* The last lines of the ladder of the host that failed and another. */
static void
print_ladder(const struct sim_swarm_options *options, uint64_t seed, uint32_t host)
{
    const struct estab_alloc from = { .get = heap_get, .put = heap_put };
    struct sim_swarm_options o = *options;
    const struct view_ladder_options look = {
        .width = 100, .both = true, .host = { host, host == 0 }, .name = { "failed", "other" }
    };
    char *drawn = NULL;
    size_t len = 0, lines = 0, at;
    FILE *to = open_memstream(&drawn, &len);
    struct view_ladder *ladder = to != NULL ? estab_view_ladder_new(&look, put_line, to) : NULL;
    struct sim_result r;

    if (ladder != NULL) {
        o.planned = NULL;
        o.sink = draw;
        o.sink_ctx = ladder;
        sim_swarm_run(&from, seed, &o, &r);
        (void)estab_view_ladder_finish(ladder, NULL);
        estab_view_ladder_free(ladder);
        fflush(to);
        for (at = len; at > 0 && lines < LADDER_LINES; at--)
            lines += drawn[at - 1] == '\n';
        fwrite(drawn + at, 1, len - at, stdout);
    }
    if (to != NULL)
        fclose(to);
    free(drawn);
}

static void
print_again(const struct swarm *s, const struct sim_swarm_options *o, uint64_t seed)
{
    const char *before = " --omit ";

    printf("again: estab lab --swarm --seed %" PRIu64, seed);
    if (s->without != NULL)
        printf(" --without %s", s->without);
    if (o->max_dialogues > 0)
        printf(" --dialogues %u", (unsigned)o->max_dialogues);
    for (unsigned i = 0; i < SIM_SWARM_PART_COUNT; i++)
        if ((o->omit >> i & 1) != 0) {
            printf("%s%s", before, sim_swarm_part_name((enum sim_swarm_part)i));
            before = ",";
        }
    printf("\n");
}

static void
tell_failure(const struct swarm *s, uint64_t seed, const char *rule)
{
    const struct estab_alloc from = { .get = heap_get, .put = heap_put };
    struct sim_swarm_options o = s->options;
    struct sim_result r;

    printf("FAILED seed %" PRIu64 ": %s\n", seed, rule);
    if (s->quiet)
        return;
    shrink(&o, seed, rule);
    print_again(s, &o, seed);
    o.planned = print_world;
    sim_swarm_run(&from, seed, &o, &r);
    printf("%s: %s\n  at %" PRId64 ".%09" PRId64 " s, host %u, connection %#" PRIx64
           ", values %" PRIu64 " and %" PRIu64 "\n",
           r.failure.rule, r.failure.text, r.failure.at / 1000000000, r.failure.at % 1000000000,
           (unsigned)r.failure.host, r.failure.conn, r.failure.a, r.failure.b);
    print_ladder(&o, seed, r.failure.host);
}

/* ---- several processes ---- */

struct job {
    pid_t pid;
    int from; /* a pipe that brings one report */
};

static bool
start_job(const struct swarm *s, uint64_t number, int64_t until, struct job *job)
{
    int ends[2];

    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    job->pid = fork();
    if (job->pid == 0) {
        struct report r = { .seeds = 0 };

        close(ends[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        hunt(s, number, until, &r);
        _exit(write(ends[1], &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
    }
    close(ends[1]);
    if (job->pid < 0) {
        close(ends[0]);
        return false;
    }
    job->from = ends[0];
    return true;
}

static void
join(struct report *sum, const struct report *r)
{
    sum->seeds += r->seeds;
    sum->hash += r->hash;
    sum->events += r->events;
    sum->records += r->records;
    sum->checks += r->checks;
    sum->attacks += r->attacks;
    sum->connections += r->connections;
    sum->completed += r->completed;
    sum->failed += r->failed;
    sum->octets += r->octets;
    sum->seconds += r->seconds;
    if (r->failed_seed && (!sum->failed_seed || r->seed < sum->seed)) {
        sum->failed_seed = true;
        sum->seed = r->seed;
        memcpy(sum->rule, r->rule, sizeof sum->rule);
    }
}

/* Takes the report of a job that has ended; false: there is none. */
static bool
end_job(struct job *job, struct report *sum)
{
    struct report r;
    bool has_report = read(job->from, &r, sizeof r) == (ssize_t)sizeof r;
    int status;

    if (has_report)
        join(sum, &r);
    close(job->from);
    job->from = -1;
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return has_report;
}

/* false: a process has ended without its report. */
static bool
hunt_in_parallel(const struct swarm *s, int64_t until, struct report *sum)
{
    struct job jobs[JOBS_MAX];
    uint64_t n = 0;
    bool whole = true;

    while (n < s->jobs && start_job(s, n, until, &jobs[n]))
        n++;
    whole = n == s->jobs;
    for (uint64_t left = n; left > 0;) {
        struct pollfd ready[JOBS_MAX];

        for (uint64_t i = 0; i < n; i++)
            ready[i] = (struct pollfd){ .fd = jobs[i].from, .events = POLLIN };
        if (poll(ready, (nfds_t)n, -1) < 0 && errno != EINTR)
            break;
        for (uint64_t i = 0; i < n; i++)
            if (jobs[i].from >= 0 && ready[i].revents != 0) {
                whole = (end_job(&jobs[i], sum) || sum->failed_seed) && whole;
                left--;
            }
        /* One failure is enough: the others need not go on. */
        for (uint64_t i = 0; i < n && sum->failed_seed; i++)
            if (jobs[i].from >= 0)
                (void)kill(jobs[i].pid, SIGTERM);
    }
    return whole;
}

int
lab_swarm(int argc, char **argv)
{
    struct report sum = { .seeds = 0 };
    int64_t begin = seconds_now(), took;
    struct swarm s;
    int status = parse(&s, argc, argv);
    bool whole = true;

    if (status != 0)
        return status < 0 ? 0 : status;
    keep_memory();
    s.rules = lab_rules_without(s.without);
    s.options.made = take_rules_away;
    s.options.made_ctx = &s;
    if (s.jobs > 1)
        whole = hunt_in_parallel(&s, begin + (int64_t)s.minutes * 60, &sum);
    else
        hunt(&s, 0, begin + (int64_t)s.minutes * 60, &sum);
    took = seconds_now() - begin;
    if (!whole) {
        fprintf(stderr, "estab lab --swarm: a process has ended without its report\n");
        return 1;
    }
    if (sum.failed_seed) {
        tell_failure(&s, sum.seed, sum.rule);
        return 1;
    }
    printf("%" PRIu64 " seeds passed, %d rules looked at %" PRIu64 " times; %" PRIu64
           " connections (%" PRIu64 " ends as planned, %" PRIu64 " with an error), %" PRIu64
           " octets, %" PRIu64 " events, %" PRIu64 " attacks; %" PRId64
           " h of virtual time in %" PRId64 " s; hash %016" PRIx64 "\n",
           sum.seeds, (int)SIM_RULE_COUNT, sum.checks, sum.connections, sum.completed, sum.failed,
           sum.octets, sum.events, sum.attacks, sum.seconds / 3600, took, sum.hash);
    return 0;
}
