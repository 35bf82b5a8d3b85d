/* SPDX-License-Identifier: MIT */
/*
 * estab-sim: runs worlds out of seeds and stops at the first rule that does not hold.
 *
 *   estab-sim --seeds N [--start S] [--hash]   seeds S .. S+N-1
 *   estab-sim --seeds N --survey               goes on after failures and counts them by rule
 *   estab-sim --seed S [--verbose]             one seed again, with every record
 *   estab-sim --rules                          the rules by name
 * --ignore RULE leaves a rule out, to see what lies behind it.
 */
#include "sim/swarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* ---- one line for each record ---- */

static void
print_segment(const struct estab_trace *r)
{
    static const char letters[] = "FSRPAUEC";
    const struct estab_trace_segment *s = &r->seg;
    char ctl[9];
    unsigned n = 0;

    for (unsigned i = 0; i < 8; i++)
        if ((s->ctl >> i & 1) != 0)
            ctl[n++] = letters[i];
    ctl[n] = '\0';
    printf(" <SEQ=%" PRIu32 "><ACK=%" PRIu32 "><CTL=%s> len %" PRIu32 " wnd %" PRIu32, s->seq,
           s->ack, ctl, s->len, s->wnd);
    if (s->has_mss)
        printf(" mss %u", (unsigned)s->mss);
    if (s->has_wscale)
        printf(" ws %u", (unsigned)s->wscale);
    if (s->sack_permitted)
        printf(" sackok");
    if (s->has_ts)
        printf(" ts %" PRIu32 " %" PRIu32, s->ts_val, s->ts_ecr);
    if (s->has_fast_open)
        printf(" fast open %u", (unsigned)s->fast_open_len);
    for (unsigned i = 0; i < s->sack_blocks && i < 4; i++)
        printf(" sack %" PRIu32 "-%" PRIu32, s->sack[i][0], s->sack[i][1]);
}

static void
print_record(void *ctx, const struct estab_trace *r)
{
    char local[ESTAB_ENDPOINT_TEXT], remote[ESTAB_ENDPOINT_TEXT];

    (void)ctx;
    printf("%4" PRId64 ".%09" PRId64 " host %" PRIu32 " %s %s ", r->at / 1000000000,
           r->at % 1000000000, r->host, estab_endpoint_format(&r->local, local),
           estab_endpoint_format(&r->remote, remote));
    switch (r->kind) {
    case ESTAB_TRACE_PACKET_IN:
        printf("in ");
        if (r->proto == 6)
            print_segment(r);
        printf(": %s", estab_verdict_name(r->verdict));
        break;
    case ESTAB_TRACE_PACKET_OUT:
        printf("out");
        if (r->proto == 6)
            print_segment(r);
        printf(": %s", estab_reason_name(r->reason));
        break;
    case ESTAB_TRACE_STATE:
        printf("%s -> %s: %s", estab_state_name(r->state_before), estab_state_name(r->state_after),
               estab_cause_name(r->cause));
        break;
    case ESTAB_TRACE_TIMER:
        printf("timer: %s", estab_timer_text(r->timer));
        break;
    case ESTAB_TRACE_MEMORY:
        printf("memory: %s %+" PRId64 ", held %" PRIu64, estab_memory_text(r->memory), r->bytes,
               r->bytes_held);
        break;
    case ESTAB_TRACE_RECOVERY:
        printf("recovery: %s, ssthresh %" PRIu32, estab_recovery_name(r->recovery),
               r->tcb.ssthresh);
        break;
    case ESTAB_TRACE_CALL:
        printf("call: %s = %" PRId64, estab_call_text(r->call), r->result);
        break;
    default:
        printf("kind %u", (unsigned)r->kind);
    }
    printf("  {una %" PRIu32 " nxt %" PRIu32 " wnd %" PRIu32 " cwnd %" PRIu32 " rcv %" PRIu32
           "+%" PRIu32 " q %" PRIu32 "/%" PRIu32 " %s}\n",
           r->tcb.snd_una, r->tcb.snd_nxt, r->tcb.snd_wnd, r->tcb.cwnd, r->tcb.rcv_nxt,
           r->tcb.rcv_wnd, r->tcb.send_queued, r->tcb.receive_queued,
           estab_timer_text(r->tcb.timer));
}

/* ---- */

struct options {
    uint64_t seeds, start;
    bool one, hash, verbose, survey;
    uint64_t ignored[2];
};

static int
usage(const char *what, const char *value)
{
    fprintf(stderr,
            "estab-sim: %s%s%s\n"
            "usage: estab-sim [--seeds N] [--start S] [--hash] [--verbose] [--survey] |\n"
            "                 --seed S [--verbose] | --rules; --ignore RULE\n",
            what, value != NULL ? " " : "", value != NULL ? value : "");
    return 2;
}

static bool
read_number(const char *text, uint64_t *n)
{
    *n = 0;
    for (const char *p = text; *p != '\0'; p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (digit > 9 || *n > (UINT64_MAX - digit) / 10)
            return false;
        *n = *n * 10 + digit;
    }
    return *text != '\0';
}

static bool
ignore(struct options *o, const char *rule)
{
    for (unsigned i = 0; i < SIM_RULE_COUNT; i++)
        if (strcmp(rule, sim_rule_name((enum sim_rule)i)) == 0) {
            o->ignored[i / 64] |= (uint64_t)1 << i % 64;
            return true;
        }
    return false;
}

static int
read_options(struct options *o, int argc, char **argv)
{
    *o = (struct options){ .seeds = 1000, .start = 1 };
    for (int i = 1; i < argc; i++) {
        uint64_t *number = NULL;

        if (strcmp(argv[i], "--hash") == 0) {
            o->hash = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            o->verbose = true;
        } else if (strcmp(argv[i], "--survey") == 0) {
            o->survey = true;
        } else if (strcmp(argv[i], "--rules") == 0) {
            for (unsigned k = 0; k < SIM_RULE_COUNT; k++)
                puts(sim_rule_name((enum sim_rule)k));
            exit(0);
        } else if (strcmp(argv[i], "--ignore") == 0) {
            if (++i == argc || !ignore(o, argv[i]))
                return usage("no such rule:", i < argc ? argv[i] : NULL);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            number = &o->seeds;
        } else if (strcmp(argv[i], "--start") == 0) {
            number = &o->start;
        } else if (strcmp(argv[i], "--seed") == 0) {
            o->one = true;
            o->seeds = 1;
            number = &o->start;
        } else {
            return usage("unknown option", argv[i]);
        }
        if (number == NULL)
            continue;
        if (++i == argc)
            return usage("no number after", argv[i - 1]);
        if (!read_number(argv[i], number))
            return usage("not a number:", argv[i]);
    }
    return 0;
}

static void
print_failure(const char *program, uint64_t seed, const struct sim_failure *f)
{
    printf("FAILED seed %" PRIu64 ": %s: %s\n"
           "  at %" PRId64 ".%09" PRId64 " s, host %" PRIu32 ", connection %#" PRIx64
           ", values %" PRIu64 " and %" PRIu64 "\n"
           "  again: %s --seed %" PRIu64 " --verbose\n",
           seed, f->rule, f->text, f->at / 1000000000, f->at % 1000000000, f->host, f->conn, f->a,
           f->b, program, seed);
}

/* Failures by rule, the first seed of each. Rules are string constants, compared by text. */
#define SURVEY_MAX 128
struct survey {
    struct sim_failure first[SURVEY_MAX];
    uint64_t seed[SURVEY_MAX], times[SURVEY_MAX];
    unsigned n;
};

static void
note(struct survey *s, uint64_t seed, const struct sim_failure *f)
{
    unsigned i = 0;

    while (i < s->n && strcmp(s->first[i].rule, f->rule) != 0)
        i++;
    if (i == SURVEY_MAX)
        return;
    if (i == s->n) {
        s->n++;
        s->first[i] = *f;
        s->seed[i] = seed;
    }
    s->times[i]++;
}

static void
print_words(const struct sim_result *sum)
{
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++)
        if (sum->verdicts[i] != 0)
            printf("  in  %-24s %" PRIu64 "\n", estab_verdict_name(i), sum->verdicts[i]);
    for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++)
        if (sum->reasons[i] != 0)
            printf("  out %-24s %" PRIu64 "\n", estab_reason_name(i), sum->reasons[i]);
}

static void
add(struct sim_result *sum, const struct sim_result *r)
{
    sum->hash = sim_mix(sum->hash, r->hash);
    sum->events += r->events;
    sum->records += r->records;
    sum->checks += r->checks;
    sum->lasted += r->lasted / 1000; /* microseconds: a night of seeds does not overflow */
    sum->dialogues += r->dialogues;
    sum->completed += r->completed;
    sum->failed += r->failed;
    sum->octets += r->octets;
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++)
        sum->verdicts[i] += r->verdicts[i];
    for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++)
        sum->reasons[i] += r->reasons[i];
}

int
main(int argc, char **argv)
{
    const struct estab_alloc from = { .get = get, .put = put };
    struct sim_swarm_options swarm = { .sink = NULL };
    static struct survey survey;
    struct options o;
    struct sim_result sum = { .hash = 0 }, r;
    clock_t begin = clock();
    int err = read_options(&o, argc, argv);
    uint64_t milliseconds;

    if (err != 0)
        return err;
    memcpy(swarm.ignored, o.ignored, sizeof swarm.ignored);
    if (o.one && o.verbose)
        swarm.sink = print_record;
    for (uint64_t i = 0; i < o.seeds; i++) {
        sim_swarm_run(&from, o.start + i, &swarm, &r);
        add(&sum, &r);
        if (r.failure.rule != NULL && o.survey) {
            note(&survey, o.start + i, &r.failure);
        } else if (r.failure.rule != NULL) {
            print_failure(argv[0], o.start + i, &r.failure);
            return 1;
        }
        if (o.one)
            printf("seed %" PRIu64 ": %" PRIu32 " dialogues, %" PRIu64 " octets, %" PRIu64
                   " events, %" PRId64 " s of virtual time, hash %016" PRIx64 "%s\n",
                   o.start, r.dialogues, r.octets, r.events, r.lasted / 1000000000, r.hash,
                   r.hashed ? "" : " (left out: little memory)");
    }
    for (unsigned i = 0; i < survey.n; i++) {
        printf("%" PRIu64 " times, first: ", survey.times[i]);
        print_failure(argv[0], survey.seed[i], &survey.first[i]);
    }
    if (survey.n > 0)
        return 1;
    milliseconds = (uint64_t)(clock() - begin) * 1000 / CLOCKS_PER_SEC + 1;
    printf("%" PRIu64 " seeds passed, %" PRIu64 " seeds/s of CPU; %" PRIu32 " connections, %" PRIu64
           " octets, %" PRIu64 " events, %" PRIu64 " records, %d rules looked at %" PRIu64
           " times, %" PRIu64 " h of virtual time; ends: %" PRIu64 " as planned, %" PRIu64
           " with an error\n",
           o.seeds, o.seeds * 1000 / milliseconds, sum.dialogues, sum.octets, sum.events,
           sum.records, (int)SIM_RULE_COUNT, sum.checks, (uint64_t)sum.lasted / 3600000000u,
           sum.completed, sum.failed);
    if (o.verbose)
        print_words(&sum);
    if (o.hash)
        printf("hash %016" PRIx64 "\n", sum.hash);
    return 0;
}
