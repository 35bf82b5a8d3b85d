/* SPDX-License-Identifier: MIT */
/*
 * The invariants bite: somebody between the world and its observer changes what is seen, or what the
 * observer has noted before, and the rule that is meant for it must say so. What is read from the
 * stack itself cannot be changed from here; see the end.
 */
#include "harness/test.h"
#include "sim/checks.h"
#include "sim/packet.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <string.h>

struct liar {
    struct sim_world w;
    struct sim_apps apps;
    struct sim_checks checks;
    struct sim_observer honest;
    /* Each may be NULL. What is changed is a copy, or the notes. */
    void (*trace)(struct liar *l, struct sim_host *host, struct estab_trace *r);
    void (*before_look)(struct liar *l, struct sim_host *host);
    void (*output)(struct liar *l, uint8_t *packet, uint32_t *len);
    void (*event)(struct estab_event *event);
    bool must_drop[SIM_BATCH_MAX];
};

static void
on_trace(void *ctx, struct sim_host *host, const struct estab_trace *record)
{
    struct liar *l = ctx;
    struct estab_trace r = *record;

    if (l->trace != NULL && !sim_failed(&l->w))
        l->trace(l, host, &r);
    l->honest.trace(l->honest.ctx, host, &r);
}

static void
on_input(void *ctx, struct sim_host *host, unsigned ifindex, const struct estab_frame *frames,
         const bool *must_drop, size_t n)
{
    struct liar *l = ctx;

    l->honest.input(l->honest.ctx, host, ifindex, frames, must_drop, n);
}

static void
on_input_done(void *ctx, struct sim_host *host)
{
    struct liar *l = ctx;

    l->honest.input_done(l->honest.ctx, host);
}

static void
on_output(void *ctx, struct sim_host *host, unsigned ifindex, const struct estab_frame *frame)
{
    struct liar *l = ctx;
    uint8_t copy[2048];
    struct estab_frame f = *frame;

    memcpy(copy, frame->data, frame->len);
    f.data = copy;
    if (l->output != NULL)
        l->output(l, copy, &f.len);
    l->honest.output(l->honest.ctx, host, ifindex, &f);
}

static void
on_event(void *ctx, struct sim_host *host, const struct estab_event *event)
{
    struct liar *l = ctx;
    struct estab_event e = *event;

    if (l->event != NULL)
        l->event(&e);
    l->honest.event(l->honest.ctx, host, &e);
}

static void
on_after(void *ctx, struct sim_host *host)
{
    struct liar *l = ctx;

    if (l->before_look != NULL && !sim_failed(&l->w))
        l->before_look(l, host);
    l->honest.after(l->honest.ctx, host);
}

/* Two hosts that talk for a while, one loss in between; everybody closes. */
static void
build(struct liar *l)
{
    const struct sim_link_config link = { .delay = ESTAB_MS(5), .heal_at = ESTAB_NEVER };
    struct estab_config cfg;
    struct sim_dialogue d = { .host = { 0, 1 }, .port = { 4000, 80 }, .start_at = ESTAB_SEC(2) };
    struct sim_host *a, *b;

    assert_true(sim_world_init(&l->w, &heap, 7, 1500));
    estab_config_init(&cfg);
    cfg.msl = ESTAB_SEC(1);
    a = sim_world_add_host(&l->w, &cfg, SIM_NO_FAILURE);
    b = sim_world_add_host(&l->w, &cfg, SIM_NO_FAILURE);
    assert_true(sim_world_join(&l->w, a, b, &link, 1500, 1500, true, false));
    assert_true(sim_apps_init(&l->apps, &l->w, 4));
    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] = sim_world_address(&l->w, i == 0 ? a : b, i == 0 ? b : a, ESTAB_INET);
        d.part[i] = sim_part(30000);
        d.options[i] = cfg.tcp;
    }
    assert_int_equal(sim_apps_listen(&l->apps, b, 80, 8, 0, NULL), 0);
    sim_apps_add(&l->apps, &d);
    assert_true(sim_checks_init(&l->checks, &l->w, &l->apps));
    l->honest = l->w.observer;
    l->w.observer = (struct sim_observer){ .ctx = l,
                                           .trace = on_trace,
                                           .input = on_input,
                                           .input_done = on_input_done,
                                           .output = on_output,
                                           .event = on_event,
                                           .after = on_after };
}

static void
take_down(struct liar *l)
{
    sim_checks_fini(&l->checks);
    sim_apps_fini(&l->apps);
    sim_world_fini(&l->w);
}

/* The name of the rule that was broken first. */
static const char *
lie(struct liar *l)
{
    const char *rule;

    build(l);
    (void)sim_world_run(&l->w, ESTAB_SEC(60), 100000);
    rule = l->w.failure.rule;
    take_down(l);
    return rule;
}

/* ---- lies ---- */

static struct sim_flow *
flow_of(struct liar *l, struct sim_host *host, const struct estab_trace *r)
{
    return sim_flow_of(&l->checks, host->number, &r->local, &r->remote);
}

static bool
is_text_out(const struct estab_trace *r)
{
    return r->kind == ESTAB_TRACE_PACKET_OUT && r->seg.len > 0;
}

static bool
is_ack_out(const struct estab_trace *r)
{
    return r->kind == ESTAB_TRACE_PACKET_OUT && r->seg.len == 0 && r->seg.ctl == ESTAB_CTL_ACK;
}

#define TRACE_LIE(name, condition, change)                                                         \
    static void name(struct liar *l, struct sim_host *host, struct estab_trace *r)                 \
    {                                                                                              \
        (void)l;                                                                                   \
        (void)host;                                                                                \
        if (condition) {                                                                           \
            change;                                                                                \
        }                                                                                          \
    }
#define IN (r->kind == ESTAB_TRACE_PACKET_IN)
#define OUT (r->kind == ESTAB_TRACE_PACKET_OUT)
#define STATE (r->kind == ESTAB_TRACE_STATE)
#define FLOW flow_of(l, host, r)
#define BOOKS l->checks.books[host->number]
#define FAR (1u << 26)

static const uint8_t nonsense[2048];

/* clang-format off */
TRACE_LIE(no_verdict, IN, r->verdict = ESTAB_SEG_NONE)
TRACE_LIE(corrupt_believed, IN && r->verdict == ESTAB_SEG_ACCEPTED,
          memset(l->must_drop, 1, sizeof l->must_drop); BOOKS.must_drop = l->must_drop)
TRACE_LIE(other_packet_in, IN, r->packet = nonsense)
TRACE_LIE(another_time, IN, r->at++)
TRACE_LIE(far_text_accepted, IN && r->verdict == ESTAB_SEG_ACCEPTED && r->seg.len > 0, r->tcb.rcv_nxt += FAR)
TRACE_LIE(no_reason, OUT, r->reason = ESTAB_WHY_NONE)
TRACE_LIE(other_packet_out, OUT, r->seg.seq++)
TRACE_LIE(senseless, is_text_out(r), r->packet = NULL; r->seg.ctl = 0)
TRACE_LIE(too_large, is_text_out(r), FLOW->theirs.mss = 100)
TRACE_LIE(beyond_window, is_text_out(r), FLOW->in_edge = FLOW->probe_edge = r->seg.seq)
TRACE_LIE(beyond_cwnd, is_text_out(r), r->tcb.pipe = r->tcb.cwnd + 1)
TRACE_LIE(other_text, is_text_out(r) && FLOW->actor != NULL, FLOW->stream ^= 1)
TRACE_LIE(behind_fin, is_text_out(r), FLOW->has_fin = true; FLOW->fin_seq = r->seg.seq)
TRACE_LIE(ack_goes_back, is_ack_out(r), FLOW->ack_out = r->seg.ack + 1)
TRACE_LIE(edge_goes_back, is_ack_out(r), FLOW->right_edge += FAR)
TRACE_LIE(edge_is_rounded, is_ack_out(r) && FLOW->theirs.has_wscale,
          FLOW->right_edge = r->seg.ack + (r->seg.wnd << FLOW->ours.wscale) + 1)
/* and what waits for the user leaves just room for it rounded up */
TRACE_LIE(edge_is_rounded_beside_text, is_ack_out(r) && FLOW->theirs.has_wscale,
          FLOW->right_edge = r->seg.ack + (r->seg.wnd << FLOW->ours.wscale) + 1;
          r->tcb.receive_queued = r->tcb.receive_limit - (r->seg.wnd << FLOW->ours.wscale))
TRACE_LIE(option_left_out, is_text_out(r), FLOW->ours.has_ts = false)
TRACE_LIE(timestamp_goes_back, is_text_out(r), FLOW->ts_val = r->seg.ts_val + 1)
TRACE_LIE(empty_sack, is_ack_out(r), r->packet = NULL; r->seg.sack_blocks = 1;
          r->seg.sack[0][0] = r->seg.sack[0][1] = r->seg.ack + 1)
TRACE_LIE(too_many_acks, is_ack_out(r), FLOW->acks_out += 100000)
TRACE_LIE(reset_for_reset, is_ack_out(r), r->packet = NULL; r->seg.ctl = ESTAB_CTL_RST;
          r->reason = ESTAB_WHY_RST_NO_CONNECTION; FLOW->resets_out += 100000)
TRACE_LIE(too_many_resets, is_ack_out(r), r->packet = NULL; r->seg.ctl = ESTAB_CTL_RST;
          r->reason = ESTAB_WHY_RST_NO_CONNECTION; BOOKS.second = r->at / ESTAB_SEC(1);
          BOOKS.rst_to_nobody = 1000000)
TRACE_LIE(too_many_challenges, is_text_out(r), r->packet = NULL; r->reason = ESTAB_WHY_CHALLENGE_ACK)
TRACE_LIE(too_much_unverified, OUT && r->reason == ESTAB_WHY_SYN_ACK, FLOW->unverified_out += 100000)
TRACE_LIE(talks_after_reset, is_text_out(r), FLOW->was_reset = true)
TRACE_LIE(isn_goes_back, OUT && r->reason == ESTAB_WHY_SYN, FLOW->has_last_iss = true;
          FLOW->last_iss = r->seg.seq + 1; FLOW->last_iss_at = r->at)
TRACE_LIE(impatient, is_text_out(r) && r->reason == ESTAB_WHY_DATA, r->packet = NULL;
          r->reason = ESTAB_WHY_RETRANSMIT_RTO; r->tcb.snd_una = r->seg.seq; FLOW->timer_base = r->at)
TRACE_LIE(another_state_before, STATE && r->state_before == ESTAB_TCPS_ESTABLISHED, r->state_before = ESTAB_TCPS_CLOSE_WAIT;
          r->state_after = ESTAB_TCPS_LAST_ACK)
TRACE_LIE(a_jump, STATE && r->state_before == ESTAB_TCPS_ESTABLISHED, r->state_after = ESTAB_TCPS_TIME_WAIT)
TRACE_LIE(no_cause, STATE, r->cause = ESTAB_CAUSE_NONE)
TRACE_LIE(short_time_wait, STATE && r->cause == ESTAB_CAUSE_TIME_WAIT_OVER, FLOW->time_wait_at++)
TRACE_LIE(late_timer, r->kind == ESTAB_TRACE_TIMER, FLOW->seen = true; FLOW->conn = r->conn;
          FLOW->timer = r->timer; FLOW->timer_at = r->at - 1)
TRACE_LIE(octets_more, r->kind == ESTAB_TRACE_MEMORY, r->bytes_held++)
/* clang-format on */

#define LOOK_LIE(name, change)                                                                     \
    static void name(struct liar *l, struct sim_host *host)                                        \
    {                                                                                              \
        (void)l;                                                                                   \
        (void)host;                                                                                \
        change;                                                                                    \
    }

/* Changes the notes of every open flow of the host. */
#define EACH_FLOW(change)                                                                          \
    for (size_t i = 0; i < l->checks.cap_flows; i++) {                                             \
        struct sim_flow *f = &l->checks.flows[i];                                                  \
        if (f->used && f->host == host->number && f->state >= ESTAB_TCPS_ESTABLISHED) {            \
            change;                                                                                \
        }                                                                                          \
    }

/* clang-format off */
LOOK_LIE(packet_more_in, host->packets_in++)
LOOK_LIE(packet_more_out, host->packets_out++)
LOOK_LIE(reason_more, host->packets_out++; BOOKS.records_out++)
LOOK_LIE(window_not_granted, EACH_FLOW(f->in_edge -= FAR))
LOOK_LIE(ack_too_late, EACH_FLOW(f->ack_out--; f->unacked_since = 1; f->unacked_to = f->ack_out))
LOOK_LIE(una_goes_back, EACH_FLOW(f->una += FAR; f->nxt += FAR))
LOOK_LIE(edge_moves_left, EACH_FLOW(f->rcv_edge += FAR))
LOOK_LIE(two_records, EACH_FLOW(f->visited = l->checks.evaluated + 1))
LOOK_LIE(timer_too_far, host->cfg.rto_max = 1)
LOOK_LIE(beyond_limit, host->cfg.max_connections = 0)
LOOK_LIE(beyond_budget, host->cfg.memory_budget = 1)
LOOK_LIE(octets_taken, host->alloc.bytes++)
LOOK_LIE(octets_heard, for (unsigned i = 0; i < 2; i++) if (l->apps.actors[i].phase == SIM_OPEN) l->apps.actors[i].heard++)
/* clang-format on */

static void
wrong_sum(struct liar *l, uint8_t *packet, uint32_t *len)
{
    (void)l;
    packet[*len - 1] ^= 1;
}

static void
cut_short(struct liar *l, uint8_t *packet, uint32_t *len)
{
    (void)l;
    (void)packet;
    --*len;
}

static void
somebody_elses(struct liar *l, uint8_t *packet, uint32_t *len)
{
    (void)l;
    packet[15] ^= 0x40;
    sim_packet_seal(packet, *len);
}

static void
no_bits(struct estab_event *event)
{
    event->bits = 0;
}

TEST(every_rule_about_what_is_seen_bites)
{
    static const struct {
        enum sim_rule rule;
        void (*trace)(struct liar *l, struct sim_host *host, struct estab_trace *r);
        void (*look)(struct liar *l, struct sim_host *host);
        void (*output)(struct liar *l, uint8_t *packet, uint32_t *len);
        void (*event)(struct estab_event *event);
    } lies[] = {
        { .rule = SIM_RULE_ONE_VERDICT, .trace = no_verdict },
        { .rule = SIM_RULE_VERDICT_COUNTED, .look = packet_more_in },
        { .rule = SIM_RULE_CORRUPT_DROPPED, .trace = corrupt_believed },
        { .rule = SIM_RULE_TRACE_IN_TRUE, .trace = other_packet_in },
        { .rule = SIM_RULE_RECORD_NOW, .trace = another_time },
        { .rule = SIM_RULE_ACCEPT_IN_WINDOW, .trace = far_text_accepted },
        { .rule = SIM_RULE_REASON_GIVEN, .trace = no_reason },
        { .rule = SIM_RULE_REASON_COUNTED, .look = reason_more },
        { .rule = SIM_RULE_TRACE_OUT_TRUE, .trace = other_packet_out },
        { .rule = SIM_RULE_PACKET_OUT_TRACED, .look = packet_more_out },
        { .rule = SIM_RULE_CHECKSUM_RIGHT, .output = wrong_sum },
        { .rule = SIM_RULE_PACKET_WHOLE, .output = cut_short },
        { .rule = SIM_RULE_SOURCE_OURS, .output = somebody_elses },
        { .rule = SIM_RULE_SEGMENT_SANE, .trace = senseless },
        { .rule = SIM_RULE_MSS_RESPECTED, .trace = too_large },
        { .rule = SIM_RULE_SEND_WINDOW, .trace = beyond_window },
        { .rule = SIM_RULE_WINDOW_GRANTED, .look = window_not_granted },
        { .rule = SIM_RULE_CWND_RESPECTED, .trace = beyond_cwnd },
        { .rule = SIM_RULE_TEXT_GENUINE, .trace = other_text },
        { .rule = SIM_RULE_NOTHING_AFTER_FIN, .trace = behind_fin },
        { .rule = SIM_RULE_ACK_FORWARD, .trace = ack_goes_back },
        { .rule = SIM_RULE_RIGHT_EDGE, .trace = edge_goes_back },
        { .rule = SIM_RULE_RIGHT_EDGE_ROUNDED, .trace = edge_is_rounded },
        { .rule = SIM_RULE_RIGHT_EDGE_ROUNDED, .trace = edge_is_rounded_beside_text },
        { .rule = SIM_RULE_OPTION_AGREED, .trace = option_left_out },
        { .rule = SIM_RULE_TS_FORWARD, .trace = timestamp_goes_back },
        { .rule = SIM_RULE_SACK_SANE, .trace = empty_sack },
        { .rule = SIM_RULE_ACKS_BOUNDED, .trace = too_many_acks },
        { .rule = SIM_RULE_RESET_UNANSWERED, .trace = reset_for_reset },
        { .rule = SIM_RULE_RST_RATE, .trace = too_many_resets },
        { .rule = SIM_RULE_CHALLENGE_RATE, .trace = too_many_challenges },
        { .rule = SIM_RULE_UNVERIFIED_BOUNDED, .trace = too_much_unverified },
        { .rule = SIM_RULE_SILENT_AFTER_RESET, .trace = talks_after_reset },
        { .rule = SIM_RULE_ISN_FORWARD, .trace = isn_goes_back },
        { .rule = SIM_RULE_ACK_IN_TIME, .look = ack_too_late },
        { .rule = SIM_RULE_RTO_PATIENCE, .trace = impatient },
        { .rule = SIM_RULE_STATE_CONTINUOUS, .trace = another_state_before },
        { .rule = SIM_RULE_STATE_LEGAL, .trace = a_jump },
        { .rule = SIM_RULE_CAUSE_GIVEN, .trace = no_cause },
        { .rule = SIM_RULE_TIME_WAIT_2MSL, .trace = short_time_wait },
        { .rule = SIM_RULE_TIMER_EXACT, .trace = late_timer },
        { .rule = SIM_RULE_TIMER_NEAR, .look = timer_too_far },
        { .rule = SIM_RULE_UNA_FORWARD, .look = una_goes_back },
        { .rule = SIM_RULE_RCV_EDGE, .look = edge_moves_left },
        { .rule = SIM_RULE_BYTES_COUNTED, .look = octets_heard },
        { .rule = SIM_RULE_ENDS_UNIQUE, .look = two_records },
        { .rule = SIM_RULE_LIMITS, .look = beyond_limit },
        { .rule = SIM_RULE_MEMORY_TRACED, .trace = octets_more },
        { .rule = SIM_RULE_MEMORY_COUNTED, .look = octets_taken },
        { .rule = SIM_RULE_MEMORY_BUDGET, .look = beyond_budget },
        { .rule = SIM_RULE_EVENT_SANE, .event = no_bits },
    };
    unsigned wrong = 0;

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        static struct liar l;
        const char *rule;

        l = (struct liar){ .trace = lies[i].trace,
                           .before_look = lies[i].look,
                           .output = lies[i].output,
                           .event = lies[i].event };
        rule = lie(&l);
        if (rule == NULL || strcmp(rule, sim_rule_name(lies[i].rule)) != 0) {
            printf("%s: got %s\n", sim_rule_name(lies[i].rule), rule != NULL ? rule : "nothing");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

TEST(without_a_lie_nothing_is_broken)
{
    static struct liar l;

    l = (struct liar){ .trace = NULL };
    assert_null(lie(&l));
}

/* ALL_END and EMPTY_AT_END: the end is called too early. */
TEST(an_end_that_is_none_is_told)
{
    static struct liar l;

    l = (struct liar){ .trace = NULL };
    build(&l);
    assert_false(sim_swarm_finish(&l.w, &l.apps, ESTAB_MS(2020), 100000));
    assert_string_equal(l.w.failure.rule, sim_rule_name(SIM_RULE_ALL_END));
    take_down(&l);

    l = (struct liar){ .trace = NULL };
    build(&l);
    (void)sim_world_run(&l.w, ESTAB_MS(2020), 100000);
    sim_checks_end(&l.checks);
    assert_string_equal(l.w.failure.rule, sim_rule_name(SIM_RULE_EMPTY_AT_END));
    take_down(&l);
}

/*
 * Not here, because the stack itself is asked and cannot be made to lie: timer-ahead, timer-runs,
 * timer-fits, deadline-covers, timers-counted, una-nxt, flight, cwnd-floor, rings, ring-returned,
 * buffer-promised, handles-unique, counts-agree, quiet-when-empty. tests/lab/swarm_test.c takes rules
 * of TCP away, which breaks some of them (timer-runs, for one).
 */
