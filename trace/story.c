/* SPDX-License-Identifier: MIT */
/* Keeps the steps of one connection. Called for every segment and connection by cli/trace.c. */
#include "trace/story.h"

#include "tcp/seq.h"

#include <stdlib.h>

static bool
make_room(struct story *s)
{
    uint32_t room = s->room > 0 ? s->room * 2 : 256;
    struct story_step *step;

    if (s->n < s->room)
        return true;
    if (room > STORY_STEPS_MAX)
        room = STORY_STEPS_MAX;
    if (s->n == room)
        return false;
    step = realloc(s->step, room * sizeof *step);
    if (step == NULL)
        return false;
    s->step = step;
    s->room = room;
    return true;
}

static void
take_variables(struct story_variables *v, const struct end_seen *e, const struct end_seen *o)
{
    uint32_t next = e->has_ack ? e->last_ack : o->isn;

    if (o->has_isn && seq_gt(o->contiguous, next))
        next = o->contiguous;
    v->snd_una = e->snd_una - e->isn;
    v->snd_nxt = e->snd_max - e->isn;
    v->snd_wnd = o->last_wnd;
    v->rcv_nxt = next - o->isn;
    v->rcv_wnd = e->last_wnd;
}

bool
estab_story_take(struct story *s, const struct segment_seen *segment)
{
    const struct packet_seen *p = segment->packet;
    const struct connection *c = segment->conn;
    const struct end_seen *e = &c->end[segment->from], *o = &c->end[!segment->from];
    struct story_step *step;

    if (!s->all && c->number != (s->wanted > 0 ? s->wanted : 1))
        return true;
    if (!make_room(s)) {
        s->left_out++;
        return s->n > 0;
    }
    step = &s->step[s->n++];
    *step = (struct story_step){
        .conn = c->number,
        .number = p->number,
        .at = p->at,
        .seg = p->seg,
        .seq = p->seg.seq - e->isn,
        .ack = p->seg.ctl & ESTAB_CTL_ACK ? p->seg.ack - o->isn : 0,
        .octets = p->octets,
        .reason = segment->reason,
        .verdict = segment->verdict,
        .from = segment->from,
        .told = segment->reason_told || segment->verdict_told,
        .cwnd = segment->told_cwnd,
        .ssthresh = segment->told_ssthresh,
    };
    if (p->seg.sack_blocks > 0) {
        step->sack_left = p->seg.sack[0][0] - o->isn;
        step->sack_right = p->seg.sack[0][1] - o->isn;
    }
    for (unsigned i = 0; i < 2; i++) {
        step->before[i] = segment->state[i].was_known ? segment->state[i].before : 0;
        step->after[i] = c->end[i].has_state ? c->end[i].state : 0;
        step->cause[i] = segment->state[i].cause;
        take_variables(&step->var[i], &c->end[i], &c->end[!i]);
    }
    if (o->rtt_number == p->number)
        step->rtt_us = (uint32_t)(o->rtt_last / 1000);
    return true;
}

void
estab_story_end(struct story *s, const struct connection *c)
{
    if (c->number != (s->wanted > 0 ? s->wanted : 1))
        return;
    s->conn = *c;
    for (unsigned i = 0; i < 2; i++)
        s->conn.end[i].oldest = s->conn.end[i].newest = NULL; /* not ours to look at later */
    s->has_conn = true;
}

void
estab_story_free(struct story *s)
{
    free(s->step);
    s->step = NULL;
    s->n = s->room = 0;
}

void
estab_story_control(const struct story_step *step, struct phrase *p)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } bits[] = {
        { ESTAB_CTL_SYN, "SYN" }, { ESTAB_CTL_FIN, "FIN" }, { ESTAB_CTL_RST, "RST" },
        { ESTAB_CTL_PSH, "PSH" }, { ESTAB_CTL_ACK, "ACK" }, { ESTAB_CTL_URG, "URG" },
    };
    bool has_one = false;

    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (step->seg.ctl & bits[i].bit) {
            estab_phrase_add(p, "%s%s", has_one ? "," : "", bits[i].name);
            has_one = true;
        }
    if (!has_one)
        estab_phrase_add(p, "-");
}

bool
estab_story_is_again(unsigned reason)
{
    switch (reason) {
    case ESTAB_WHY_SYN_AGAIN:
    case ESTAB_WHY_SYN_ACK_AGAIN:
    case ESTAB_WHY_RETRANSMIT_RTO:
    case ESTAB_WHY_RETRANSMIT_LOST:
    case ESTAB_WHY_RETRANSMIT_WINDOW:
    case ESTAB_WHY_RETRANSMIT_MTU:
    case ESTAB_WHY_RETRANSMIT_FAST:
    case ESTAB_WHY_RETRANSMIT_RACK:
    case ESTAB_WHY_RETRANSMIT_SACK:
    case ESTAB_WHY_RETRANSMIT_RESCUE:
    case ESTAB_WHY_RETRANSMIT_PARTIAL:
    case ESTAB_WHY_LOSS_PROBE:
        return true;
    default:
        return false;
    }
}
