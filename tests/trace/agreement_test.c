/* SPDX-License-Identifier: MIT */
/*
 * What is inferred from a capture, held against what the stacks say of themselves: worlds of the
 * simulator (loss, reordering, duplicates, damage, reboots, resets), captured at host 0, analysed
 * from the packets alone. Printed as a table; what is below the marks is a failure.
 */
#include "drivers/alloc.h"
#include "harness/test.h"
#include "sim/swarm.h"
#include "trace/analysis.h"
#include "trace/story.h"

#include <stdlib.h>
#include <string.h>

enum { SEEDS = 1000, REMEMBERED = 1 << 15, SENDERS = 4096 };

enum subject { NEAR_SENDER, NEAR_RECEIVER, FAR_SENDER, KIND, REPETITION, ROUND_TRIP, SUBJECTS };

static const char *const subject_name[SUBJECTS] = {
    "state of the near end when it sends",    "state of the near end when it receives",
    "state of the far end when it sends",     "new, again or probe",
    "timeout, recovery, loss probe or other", "SRTT within a quarter or 1 ms",
};

/* What the sender of a packet has said of it, by a digest of the packet. */
struct said {
    uint64_t digest, serial;
    uint32_t sender; /* host and connection, folded */
    uint8_t state;
    bool known;
};

struct tally {
    uint64_t right[SUBJECTS], all[SUBJECTS];
    uint64_t unseen;                  /* CLOSE was called, and the FIN is not on the wire yet */
    uint64_t late;                    /* it left only when the other's had come */
    uint64_t wrong[SUBJECTS][16][16]; /* states: said, inferred */
};

struct world {
    struct analysis *analysis;
    struct said *said;
    uint64_t number, serial;
    uint64_t arrived[SENDERS]; /* the latest of each that has come */
    struct tally *tally;
    /* of the last packet */
    bool seen;
    uint8_t from_state, to_state;
    uint16_t reason;
    estab_time srtt; /* of its sender */
};

static uint64_t
digest_of(const uint8_t *p, uint32_t len)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (uint32_t i = 0; i < len; i++)
        if (i != 8 && i != 10 && i != 11) /* TTL and its sum */
            h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void
segment(void *ctx, const struct segment_seen *s)
{
    struct world *w = ctx;

    w->seen = s->verdict != ESTAB_SEG_DROP_CHECKSUM;
    w->from_state = s->left_in;
    w->to_state = s->conn->end[!s->from].has_state ? s->conn->end[!s->from].state : 0;
    w->reason = s->reason;
    w->srtt = s->conn->end[s->from].srtt;
}

static void
compare_state(struct world *w, enum subject subject, unsigned said, unsigned inferred)
{
    struct tally *t = w->tally;

    /* Text waits in front of the FIN: no capture can show that the user has closed. */
    if ((said == ESTAB_TCPS_FIN_WAIT_1 && inferred == ESTAB_TCPS_ESTABLISHED) ||
        ((said == ESTAB_TCPS_LAST_ACK || said == ESTAB_TCPS_CLOSING) &&
         inferred == ESTAB_TCPS_CLOSE_WAIT)) {
        t->unseen++;
        return;
    }
    /* The same, and the other's FIN came meanwhile: it looks as if it had been the reason. */
    if (said == ESTAB_TCPS_CLOSING && inferred == ESTAB_TCPS_LAST_ACK) {
        t->late++;
        return;
    }
    t->all[subject]++;
    t->right[subject] += said == inferred;
    if (said != inferred && said < 16 && inferred < 16)
        t->wrong[subject][said][inferred]++;
}

/* 0: new or an ACK, 1: sent again, 2: a keepalive or window probe */
static unsigned
kind_of(unsigned reason)
{
    if (estab_story_is_again(reason))
        return 1;
    return reason == ESTAB_WHY_ZERO_WINDOW_PROBE || reason == ESTAB_WHY_KEEPALIVE_PROBE ? 2 : 0;
}

/* What a repetition was for. */
static unsigned
repetition_of(unsigned reason)
{
    switch (reason) {
    case ESTAB_WHY_SYN_AGAIN:
    case ESTAB_WHY_SYN_ACK_AGAIN:
    case ESTAB_WHY_RETRANSMIT_RTO:
    case ESTAB_WHY_RETRANSMIT_LOST:
        return 1;
    case ESTAB_WHY_RETRANSMIT_FAST:
    case ESTAB_WHY_RETRANSMIT_RACK:
    case ESTAB_WHY_RETRANSMIT_SACK:
    case ESTAB_WHY_RETRANSMIT_RESCUE:
    case ESTAB_WHY_RETRANSMIT_PARTIAL:
        return 2;
    case ESTAB_WHY_LOSS_PROBE:
        return 3;
    default:
        return 0;
    }
}

static bool
is_near(estab_time inferred, uint32_t said_us)
{
    estab_time said = ESTAB_US(said_us);
    estab_time apart = inferred > said ? inferred - said : said - inferred;

    return apart <= ESTAB_MS(1) || apart <= said / 4;
}

static void
look(void *ctx, const struct estab_trace *r)
{
    struct world *w = ctx;
    bool is_out = r->kind == ESTAB_TRACE_PACKET_OUT, is_in = r->kind == ESTAB_TRACE_PACKET_IN;
    struct capture_packet p = { .link = LINK_RAW, .comment = "" };
    struct said *said;
    uint64_t digest;

    if ((!is_out && !is_in) || r->proto != 6 || r->packet == NULL || r->ifindex == 0)
        return;
    digest = digest_of(r->packet, r->packet_len);
    said = &w->said[digest % REMEMBERED];
    if (is_out)
        *said = (struct said){ digest, ++w->serial,
                               (uint32_t)((r->conn * 2654435761u ^ r->host * 97u) % SENDERS),
                               r->state_after, r->conn != 0 };
    if (r->host != 0)
        return;
    p.number = ++w->number;
    p.at = ESTAB_SEC(1) + r->at;
    p.data = r->packet;
    p.len = p.wire_len = r->packet_len;
    w->seen = false;
    estab_analysis_packet(w->analysis, &p);
    if (!w->seen)
        return;
    if (is_out && r->conn != 0 && !(r->seg.ctl & ESTAB_CTL_RST)) {
        compare_state(w, NEAR_SENDER, r->state_after, w->from_state);
        w->tally->all[KIND]++;
        w->tally->right[KIND] += kind_of(r->reason) == kind_of(w->reason);
        if (kind_of(r->reason) == 1 && kind_of(w->reason) == 1) {
            w->tally->all[REPETITION]++;
            w->tally->right[REPETITION] += repetition_of(r->reason) == repetition_of(w->reason);
        }
        if (r->tcb.srtt_us > 0 && w->srtt > 0) {
            w->tally->all[ROUND_TRIP]++;
            w->tally->right[ROUND_TRIP] += is_near(w->srtt, r->tcb.srtt_us);
        }
    }
    if (is_in && r->conn != 0 && r->state_after > ESTAB_TCPS_LISTEN &&
        r->verdict == ESTAB_SEG_ACCEPTED)
        compare_state(w, NEAR_RECEIVER, r->state_after, w->to_state);
    if (!is_in || said->digest != digest || !said->known)
        return;
    if (said->serial < w->arrived[said->sender])
        return; /* overtaken on its way: it tells of before */
    w->arrived[said->sender] = said->serial;
    if (!(r->seg.ctl & ESTAB_CTL_RST))
        compare_state(w, FAR_SENDER, said->state, w->from_state);
}

/* The marks: parts of a thousand. */
static const unsigned mark[SUBJECTS] = { 995, 992, 986, 988, 835, 870 };

TEST(what_is_inferred_is_what_the_stacks_say)
{
    const struct estab_alloc from = estab_alloc_system();
    static struct tally tally;
    static struct said said[REMEMBERED];

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct world w;
        struct analysis_options o = {
            .max_connections = 256, .max_outstanding = 16384, .ctx = &w, .segment = segment
        };
        struct sim_swarm_options options = { .sink = look, .sink_ctx = &w };
        struct sim_result result;

        memset(said, 0, sizeof said);
        memset(&w, 0, sizeof w);
        w.said = said;
        w.tally = &tally;
        w.analysis = estab_analysis_new(&o);
        assert_non_null(w.analysis);
        sim_swarm_run(&from, seed, &options, &result);
        assert_null(result.failure.rule);
        estab_analysis_finish(w.analysis);
        estab_analysis_free(w.analysis);
    }
    for (unsigned i = 0; i < SUBJECTS; i++) {
        uint64_t mille = tally.all[i] > 0 ? tally.right[i] * 1000 / tally.all[i] : 0;

        printf("%-40s %3u.%u %% of %llu\n", subject_name[i], (unsigned)(mille / 10),
               (unsigned)(mille % 10), (unsigned long long)tally.all[i]);
    }
    printf("%-40s        %llu\n", "closed with the FIN not on the wire yet",
           (unsigned long long)tally.unseen);
    printf("%-40s        %llu\n", "closed before the other's FIN, FIN after",
           (unsigned long long)tally.late);
    for (unsigned n = 0; n < SUBJECTS; n++)
        for (unsigned i = 0; i < 16; i++)
            for (unsigned k = 0; k < 16; k++)
                if (tally.wrong[n][i][k] >= 20)
                    printf("  %s: said %s, inferred %s %llu times\n", subject_name[n],
                           estab_state_name(i), estab_state_name(k),
                           (unsigned long long)tally.wrong[n][i][k]);
    for (unsigned i = 0; i < SUBJECTS; i++) {
        assert_true(tally.all[i] > 300);
        assert_true(tally.right[i] * 1000 / tally.all[i] >= mark[i]);
    }
}
