/* SPDX-License-Identifier: MIT */
/*
 * The verdicts. Each is one function that looks at what was counted and noticed on the way; the
 * thresholds stand here and in docs/trace.md.
 */
#include "trace/verdicts.h"

#include <string.h>

/* What it takes to speak of something. */
enum {
    KEEPALIVES_DEAD = 3,  /* probes in a row without an answer */
    AGAIN_DEAD = 3,       /* retransmissions in a row without an answer */
    STALLS = 3,           /* delayed ACKs that held text back */
    LIMITED_PERCENT = 50, /* of the time with text on its way */
    LOSS_PER_MILLE = 10,  /* octets sent again */
    REORDERED = 3,        /* segments */
    TINY_PERCENT = 80,    /* of the segments with text */
    TINY_LEAST = 50,      /* of them */
    SMALL_MSS = 1000,     /* less is a tunnel in a tunnel, or a default of 536 */
    SPURIOUS = 2,         /* retransmissions for nothing */
    CAPTURE_LOST = 3,     /* acknowledged and not captured */
    SCALE_WANTED = 60000, /* octets on their way when 64 KiB are all that can be */
};
#define HANDSHAKE_LONG ESTAB_MS(500)
#define CLOSE_WAIT_LONG ESTAB_SEC(10)
#define ANSWER_SLOW ESTAB_SEC(1)
#define REQUEST_REFUSED ESTAB_SEC(1)
#define IDLE_LONG ESTAB_SEC(60)
#define BLOAT ESTAB_MS(100)

static const char *const id[] = {
#define X(name, weight, id) id,
    TRACE_VERDICTS(X)
#undef X
};
static const uint8_t weight[] = {
#define X(name, weight, id) weight,
    TRACE_VERDICTS(X)
#undef X
};

struct list {
    struct verdict *out;
    unsigned n;
};

const char *
estab_trace_verdict_id(enum trace_verdict kind)
{
    return (unsigned)kind < TRACE_VERDICT_COUNT ? id[kind] : "?";
}

static const char *
who(unsigned side)
{
    return side == END_A ? "client" : "server";
}

static struct verdict *
found(struct list *l, enum trace_verdict kind)
{
    struct verdict *v = &l->out[l->n++];

    memset(v, 0, sizeof *v);
    v->kind = kind;
    v->weight = weight[kind];
    return v;
}

static void
shown_by(struct verdict *v, uint64_t number)
{
    if (number > 0 && v->n < VERDICT_NUMBERS)
        v->number[v->n++] = number;
}

static void
shown_by_all(struct verdict *v, const struct evidence *e)
{
    for (unsigned i = 0; i < e->count && i < EVIDENCE_KEPT; i++)
        shown_by(v, e->first[i]);
    if (e->count > EVIDENCE_KEPT)
        v->more += e->count - EVIDENCE_KEPT;
}

static const char *
plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- opening ---- */

static void
on_opening(const struct connection *c, struct list *l)
{
    const struct end_seen *a = &c->end[END_A], *b = &c->end[END_B];
    const struct evidence *syn = &a->saw[SAW_SYN];
    struct verdict *v;

    if (c->icmp_number > 0 && c->begun <= BEGUN_SYN && a->has_syn) {
        char text[ESTAB_ADDR_TEXT];

        v = found(l, FOUND_UNREACHABLE);
        estab_phrase_add(&v->text, "unreachable: so says %s (ICMP type %u code %u)",
                         estab_addr_format(&c->icmp_from, text), (unsigned)c->icmp_type,
                         (unsigned)c->icmp_code);
        shown_by(v, syn->first[0]);
        shown_by(v, c->icmp_number);
    } else if (c->begun == BEGUN_SYN && b->segments == 0) {
        v = found(l, FOUND_SYN_UNANSWERED);
        estab_phrase_add(&v->text, "SYN unanswered %u time%s: filtered, or no such host",
                         (unsigned)syn->count, plural(syn->count));
        shown_by_all(v, syn);
    } else if (c->begun == BEGUN_REFUSED) {
        v = found(l, FOUND_REFUSED);
        estab_phrase_add(&v->text, "refused: nobody listens there (RST to the SYN after ");
        estab_phrase_duration(&v->text, c->reset_at - c->first_at);
        estab_phrase_add(&v->text, ")");
        shown_by(v, syn->first[0]);
        shown_by(v, c->reset_number);
    } else if (c->begun == BEGUN_ANSWERED && c->ended == ENDED_RESET && c->reset_by == END_A &&
               a->text == 0) {
        v = found(l, FOUND_HALF_OPEN_SCAN);
        estab_phrase_add(&v->text,
                         "client reset the SYN,ACK: a port scan, or it had given up by then");
        shown_by(v, c->syn_ack_number);
        shown_by(v, c->reset_number);
    } else if (c->begun == BEGUN_ANSWERED && c->ended != ENDED_RESET) {
        v = found(l, FOUND_SYN_ACK_UNANSWERED);
        estab_phrase_add(&v->text, "SYN,ACK unanswered %u time%s: forged source, or one-way path",
                         (unsigned)b->saw[SAW_SYN_ACK].count, plural(b->saw[SAW_SYN_ACK].count));
        shown_by_all(v, &b->saw[SAW_SYN_ACK]);
    }
    if (c->begun == BEGUN_WHOLE && c->established_at - c->first_at >= HANDSHAKE_LONG &&
        (syn->count > 1 || b->saw[SAW_SYN_ACK].count > 1)) {
        const struct evidence *e = syn->count > 1 ? syn : &b->saw[SAW_SYN_ACK];

        v = found(l, FOUND_SYN_LOST);
        estab_phrase_add(&v->text, "handshake took ");
        estab_phrase_duration(&v->text, c->established_at - c->first_at);
        estab_phrase_add(&v->text, ": %s sent %u times", syn->count > 1 ? "SYN" : "SYN,ACK",
                         (unsigned)e->count);
        shown_by_all(v, e);
    }
    if (c->begun == BEGUN_CROSSED) {
        v = found(l, FOUND_SIMULTANEOUS_OPEN);
        estab_phrase_add(&v->text, "both opened at once: the SYNs crossed");
        shown_by(v, syn->first[0]);
        shown_by(v, b->saw[SAW_SYN].count > 0 ? b->saw[SAW_SYN].first[0] : 0);
    }
    if (c->text_in_syn) {
        v = found(l, FOUND_FAST_OPEN);
        estab_phrase_add(&v->text, "text in the SYN: TCP Fast Open");
        shown_by(v, syn->first[0]);
    }
    if (c->begun == BEGUN_UNSEEN) {
        v = found(l, FOUND_JOINED);
        estab_phrase_add(&v->text, "began before the capture: options and scales are not known");
        shown_by(v, c->first_number);
    }
}

/* ---- resets ---- */

static void
on_reset(const struct connection *c, struct list *l)
{
    const struct end_seen *by = &c->end[c->reset_by], *other = &c->end[!c->reset_by];
    struct verdict *v;

    for (unsigned side = 0; side < 2; side++) {
        const struct evidence *e = &c->end[side].saw[SAW_RST_IGNORED];

        if (e->count > 0) {
            v = found(l, FOUND_RESET_IGNORED);
            estab_phrase_add(&v->text,
                             "%u RST%s in the name of the %s did not fit RCV.NXT: to be ignored",
                             (unsigned)e->count, plural(e->count), who(side));
            shown_by_all(v, e);
        }
    }
    if (c->ended != ENDED_RESET || c->begun == BEGUN_REFUSED || c->begun == BEGUN_SYN ||
        (c->begun == BEGUN_ANSWERED && c->reset_by == END_A && c->end[END_A].text == 0) ||
        by->keepalives_unanswered >= KEEPALIVES_DEAD)
        return;
    if (by->saw[SAW_TTL].count > 0) {
        v = found(l, FOUND_RESET_INJECTED);
        estab_phrase_add(&v->text,
                         "the RST did not come from the %s: its TTL is not that of the others",
                         who(c->reset_by));
    } else if (c->half_open || (c->reset_idle >= IDLE_LONG && c->reset_after < REQUEST_REFUSED &&
                                other->text > 0)) {
        v = found(l, FOUND_RESET_AFTER_IDLE);
        estab_phrase_add(&v->text, "after ");
        estab_phrase_duration(&v->text, c->reset_idle);
        estab_phrase_add(&v->text,
                         " of silence the first segment was answered with a RST: %s, or a "
                         "box on the way, had forgotten the connection",
                         who(c->reset_by));
    } else if (c->reset_answers_text && by->text == 0 && !c->reset_after_fin &&
               c->reset_after < REQUEST_REFUSED) {
        v = found(l, FOUND_RESET_AFTER_REQUEST);
        estab_phrase_add(&v->text, "reset by the %s ", who(c->reset_by));
        estab_phrase_duration(&v->text, c->reset_after);
        estab_phrase_add(&v->text, " after the request: port open, application refused");
        shown_by(v, c->reset_answers);
    } else if (c->reset_text > 0) {
        v = found(l, FOUND_RESET_WITH_DATA);
        estab_phrase_add(&v->text, "reset by the %s with ", who(c->reset_by));
        estab_phrase_number(&v->text, c->reset_text);
        estab_phrase_add(&v->text, " octets to it on their way: they are lost to its user");
    } else if (by->snd_una == by->snd_max || c->reset_after_fin) {
        v = found(l, FOUND_RESET_INSTEAD_OF_FIN);
        estab_phrase_add(&v->text, "%s closed with a RST instead of a FIN; nothing was lost",
                         who(c->reset_by));
    } else {
        v = found(l, FOUND_RESET_OTHER);
        estab_phrase_add(&v->text, "reset by the %s", who(c->reset_by));
    }
    shown_by(v, c->reset_number);
}

/* ---- closing, or not ---- */

static void
on_silence(const struct connection *c, struct list *l)
{
    if (c->ended == ENDED_RESET && c->reset_after_fin)
        return;
    for (unsigned side = 0; side < 2; side++) {
        const struct end_seen *e = &c->end[side];
        const struct evidence *k = &e->saw[SAW_KEEPALIVE];
        unsigned again = e->oldest != NULL ? e->oldest->times : 0;
        struct verdict *v;

        if (c->begun == BEGUN_SYN || c->begun == BEGUN_ANSWERED || c->begun == BEGUN_REFUSED)
            return;
        if (e->keepalives_unanswered >= KEEPALIVES_DEAD) {
            v = found(l, FOUND_KEEPALIVE_DEAD);
            estab_phrase_add(&v->text, "%s vanished: %u keepalives unanswered", who(!side),
                             (unsigned)e->keepalives_unanswered);
            shown_by_all(v, k);
        } else if (again > AGAIN_DEAD && c->ended != ENDED_RESET) {
            v = found(l, FOUND_VANISHED);
            estab_phrase_add(&v->text, "%s fell silent: the same segment sent %u times in vain",
                             who(!side), again);
            shown_by(v, e->oldest->number);
            shown_by(v, c->last_number);
        }
    }
}

static void
on_closing(const struct connection *c, struct list *l)
{
    struct verdict *v;

    if (c->half_open && c->ended != ENDED_RESET) {
        v = found(l, FOUND_FORGOTTEN);
        estab_phrase_add(&v->text, "one end had forgotten this connection: a new SYN came with the "
                                   "same ports");
        shown_by(v, c->last_number);
    }
    for (unsigned side = 0; side < 2; side++) {
        const struct end_seen *e = &c->end[side];
        estab_time waited = e->close_wait_time;

        if (e->has_state && e->state == ESTAB_TCPS_CLOSE_WAIT) {
            waited += c->seen_until - e->waits_since;
            if (waited >= CLOSE_WAIT_LONG) {
                v = found(l, FOUND_NEVER_CLOSED);
                estab_phrase_add(&v->text, "%s never closed: ", who(side));
                estab_phrase_duration(&v->text, waited);
                estab_phrase_add(&v->text, " in CLOSE-WAIT when the capture ended");
                shown_by(v, c->first_fin_number);
            }
        } else if (waited >= CLOSE_WAIT_LONG && c->ended != ENDED_RESET) {
            v = found(l, FOUND_SLOW_CLOSE);
            estab_phrase_add(&v->text, "%s closed ", who(side));
            estab_phrase_duration(&v->text, waited);
            estab_phrase_add(&v->text, " after the other's FIN");
            shown_by(v, c->first_fin_number);
            shown_by(v, c->second_fin_number);
        }
        if (e->saw[SAW_DATA_AFTER_FIN].count > 0) {
            v = found(l, FOUND_DATA_AFTER_FIN);
            estab_phrase_add(&v->text, "%s sent text behind its own FIN", who(side));
            shown_by_all(v, &e->saw[SAW_DATA_AFTER_FIN]);
        }
    }
    if (c->ended == ENDED_CROSSED) {
        v = found(l, FOUND_SIMULTANEOUS_CLOSE);
        estab_phrase_add(&v->text, "both closed at once: the FINs crossed");
        shown_by(v, c->first_fin_number);
        shown_by(v, c->second_fin_number);
    }
    if ((c->ended == ENDED_FOUR || c->ended == ENDED_THREE) && c->end[END_A].text == 0 &&
        c->end[END_B].text == 0 && c->begun == BEGUN_WHOLE) {
        v = found(l, FOUND_NO_DATA);
        estab_phrase_add(&v->text, "opened and closed without an octet: a health check, perhaps");
        shown_by(v, c->first_number);
        shown_by(v, c->last_number);
    }
}

/* ---- loss ---- */

static void
on_loss(const struct connection *c, unsigned side, struct list *l)
{
    const struct end_seen *e = &c->end[side];
    uint64_t sent = e->text + e->text_again;
    const struct evidence *rto = &e->saw[SAW_TIMEOUT], *probe = &e->saw[SAW_LOSS_PROBE];
    struct verdict *v;

    if (e->saw[SAW_LARGE_LOST].count > 0 && e->saw[SAW_LARGE_LOST].last > 0 && e->oldest != NULL &&
        e->oldest->end - e->oldest->seq > e->acked_large && e->oldest->times >= AGAIN_DEAD &&
        c->end[!side].text + e->acked_large > 0) {
        v = found(l, FOUND_BLACK_HOLE);
        estab_phrase_add(
            &v->text, "large segments of the %s vanish: %u octets never arrived, %u did", who(side),
            (unsigned)(e->oldest->end - e->oldest->seq), (unsigned)e->acked_large);
        shown_by_all(v, &e->saw[SAW_LARGE_LOST]);
    }
    if (rto->count > 0) {
        v = found(l, FOUND_TIMEOUTS);
        estab_phrase_add(&v->text, "%u timeout%s of the %s", (unsigned)rto->count,
                         plural(rto->count), who(side));
        shown_by_all(v, rto);
    }
    if (sent > 0 && e->text_again * 1000 / sent >= LOSS_PER_MILLE) {
        uint64_t tenths = e->text_again * 1000 / sent;

        v = found(l, FOUND_LOSS);
        estab_phrase_add(&v->text, "%llu.%llu %% of the %s's text was sent again",
                         (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
                         who(side));
        for (unsigned i = SAW_FAST; i <= SAW_OTHER_AGAIN && v->n == 0; i++)
            shown_by_all(v, &e->saw[i]);
        if (v->n == 0)
            shown_by(v, c->last_number);
    }
    if (probe->count > 0) {
        v = found(l, FOUND_TAIL_LOSS);
        estab_phrase_add(&v->text,
                         "%u loss probe%s of the %s: the end of a flight was not "
                         "acknowledged",
                         (unsigned)probe->count, plural(probe->count), who(side));
        shown_by_all(v, probe);
    }
    if (e->saw[SAW_SPURIOUS].count >= SPURIOUS) {
        v = found(l, FOUND_SPURIOUS);
        estab_phrase_add(&v->text, "%u retransmissions of the %s were for nothing",
                         (unsigned)e->saw[SAW_SPURIOUS].count, who(side));
        shown_by_all(v, &e->saw[SAW_SPURIOUS]);
    }
    if (e->saw[SAW_REORDERED].count >= REORDERED) {
        v = found(l, FOUND_REORDERING);
        estab_phrase_add(&v->text, "the path from the %s reorders: %u segments came late",
                         who(side), (unsigned)e->saw[SAW_REORDERED].count);
        shown_by_all(v, &e->saw[SAW_REORDERED]);
    }
    if (e->saw[SAW_DOUBLED].count > 0) {
        v = found(l, FOUND_DOUBLED);
        estab_phrase_add(&v->text,
                         "%u packet%s of the %s passed twice: doubled by the network, or "
                         "captured twice",
                         (unsigned)e->saw[SAW_DOUBLED].count, plural(e->saw[SAW_DOUBLED].count),
                         who(side));
        shown_by_all(v, &e->saw[SAW_DOUBLED]);
    }
    if (e->saw[SAW_DAMAGED].count > 0) {
        v = found(l, FOUND_DAMAGED);
        estab_phrase_add(&v->text, "%u segment%s of the %s with a wrong checksum",
                         (unsigned)e->saw[SAW_DAMAGED].count, plural(e->saw[SAW_DAMAGED].count),
                         who(side));
        shown_by_all(v, &e->saw[SAW_DAMAGED]);
    }
    if (e->saw[SAW_ACK_UNSEEN].count + c->end[!side].saw[SAW_NOT_CAPTURED].count >= CAPTURE_LOST) {
        v = found(l, FOUND_CAPTURE_LOSS);
        estab_phrase_add(&v->text,
                         "the capture has holes: text of the %s was acknowledged that is "
                         "not in it",
                         who(!side));
        shown_by_all(v, &e->saw[SAW_ACK_UNSEEN]);
    }
}

/* ---- speed ---- */

static void
on_windows(const struct connection *c, unsigned side, struct list *l)
{
    const struct end_seen *e = &c->end[side], *o = &c->end[!side]; /* e sends to o */
    struct verdict *v;

    if (e->busy_time > ESTAB_MS(100) && e->text >= 65536 &&
        e->limited_time / (e->busy_time / 100 + 1) >= LIMITED_PERCENT) {
        estab_time percent = e->limited_time / (e->busy_time / 100 + 1);

        v = found(l, FOUND_RECEIVER_LIMITED);
        estab_phrase_add(&v->text, "%s-limited %u %% of the time: its window of ", who(!side),
                         percent > 100 ? 100 : (unsigned)percent);
        estab_phrase_bytes(&v->text, o->wnd_max);
        estab_phrase_add(&v->text, " was full");
        shown_by(v, c->first_number);
    }
    if (o->saw[SAW_ZERO_WINDOW].count > 0) {
        v = found(l, FOUND_ZERO_WINDOW);
        estab_phrase_add(&v->text, "%s stopped reading: window closed %u time%s, for ", who(!side),
                         (unsigned)o->saw[SAW_ZERO_WINDOW].count,
                         plural(o->saw[SAW_ZERO_WINDOW].count));
        estab_phrase_duration(&v->text, o->zero_time);
        shown_by_all(v, &o->saw[SAW_ZERO_WINDOW]);
    }
    if (o->saw[SAW_SHRUNK].count > 0) {
        v = found(l, FOUND_WINDOW_SHRUNK);
        estab_phrase_add(&v->text, "%s took back window that it had offered", who(!side));
        shown_by_all(v, &o->saw[SAW_SHRUNK]);
    }
    if (e->saw[SAW_STALL].count >= STALLS) {
        v = found(l, FOUND_NAGLE);
        estab_phrase_add(&v->text, "delayed ACK meets Nagle: stalls of the %s x %u, ", who(side),
                         (unsigned)e->saw[SAW_STALL].count);
        estab_phrase_duration(&v->text, e->stall_time / (estab_time)e->saw[SAW_STALL].count);
        estab_phrase_add(&v->text, " each");
        shown_by_all(v, &e->saw[SAW_STALL]);
    }
    if (c->end[END_A].has_wscale && !c->end[END_B].has_wscale && c->end[END_B].has_syn &&
        e->text > SCALE_WANTED && o->wnd_max > SCALE_WANTED / 2) {
        v = found(l, FOUND_NO_WINDOW_SCALE);
        estab_phrase_add(&v->text, "window scale asked for and not granted: by the server, or a "
                                   "middlebox that strips it; never more than 64 KiB on their way");
        shown_by(v, c->end[END_A].saw[SAW_SYN].first[0]);
        shown_by(v, c->syn_ack_number);
    }
}

static void
on_speed(const struct connection *c, unsigned side, struct list *l)
{
    const struct end_seen *e = &c->end[side], *o = &c->end[!side];
    uint64_t with_text = e->segments - e->pure_acks;
    struct verdict *v;

    if (e->saw[SAW_TINY].count >= TINY_LEAST && with_text > 0 &&
        e->saw[SAW_TINY].count * 100ull / with_text >= TINY_PERCENT) {
        v = found(l, FOUND_TINYGRAMS);
        estab_phrase_add(&v->text, "%u segments of the %s carry less than 100 octets",
                         (unsigned)e->saw[SAW_TINY].count, who(side));
        shown_by_all(v, &e->saw[SAW_TINY]);
    }
    if (e->slowest_answer >= ANSWER_SLOW && side == END_A) {
        v = found(l, FOUND_SLOW_SERVER);
        estab_phrase_add(&v->text, "%s took ", who(!side));
        estab_phrase_duration(&v->text, e->slowest_answer);
        estab_phrase_add(&v->text, " to answer; the network was not what it waited for");
        shown_by(v, e->slowest_question);
        shown_by(v, e->slowest_number);
    }
    if (e->rtt_samples >= 20 && e->rtt_max - e->rtt_min >= BLOAT && e->rtt_max >= 4 * e->rtt_min &&
        e->text > 100000 && e->saw[SAW_TIMEOUT].count == 0) {
        v = found(l, FOUND_BUFFERBLOAT);
        estab_phrase_add(&v->text, "queues on the path from the %s: round trips from ", who(side));
        estab_phrase_duration(&v->text, e->rtt_min);
        estab_phrase_add(&v->text, " to ");
        estab_phrase_duration(&v->text, e->rtt_max);
        shown_by(v, c->first_number);
    }
    if (e->saw[SAW_ECHO].count > 0) {
        v = found(l, FOUND_CONGESTION_MARKS);
        estab_phrase_add(&v->text, "%s tells of congestion marks (ECE) in %u segment%s", who(side),
                         (unsigned)e->saw[SAW_ECHO].count, plural(e->saw[SAW_ECHO].count));
        shown_by_all(v, &e->saw[SAW_ECHO]);
    }
    if (e->has_syn && o->has_syn && (e->has_mss ? e->mss : 536) < SMALL_MSS) {
        v = found(l, FOUND_SMALL_MSS);
        estab_phrase_add(&v->text, "%s takes segments of %u octets only%s", who(side),
                         e->has_mss ? (unsigned)e->mss : 536u,
                         e->has_mss ? "" : ": it sent no MSS option");
        shown_by(v, e->saw[SAW_SYN].count > 0 ? e->saw[SAW_SYN].first[0] : c->syn_ack_number);
    }
    if (e->saw[SAW_BEYOND_MSS].count > 0) {
        v = found(l, FOUND_OFFLOAD);
        estab_phrase_add(&v->text,
                         "captured before the %s's network card cut its segments: they "
                         "are larger than on the wire",
                         who(side));
        shown_by_all(v, &e->saw[SAW_BEYOND_MSS]);
    }
}

static void
on_options(const struct connection *c, struct list *l)
{
    const struct end_seen *a = &c->end[END_A], *b = &c->end[END_B];
    struct verdict *v;

    if (a->has_syn && b->has_syn && !(a->sack_permitted && b->sack_permitted) &&
        a->saw[SAW_FAST].count + a->saw[SAW_TIMEOUT].count + b->saw[SAW_FAST].count +
                b->saw[SAW_TIMEOUT].count >
            0) {
        v = found(l, FOUND_NO_SACK);
        estab_phrase_add(&v->text, "losses, and no SACK: %s did not offer it",
                         !a->sack_permitted ? "client" : "server");
        shown_by(v, a->saw[SAW_SYN].first[0]);
        shown_by(v, c->syn_ack_number);
    }
}

/* ---- all ---- */

unsigned
estab_trace_verdicts(const struct connection *c, struct verdict out[TRACE_VERDICT_COUNT])
{
    /* Some can be said of either end. */
    struct verdict all[2 * TRACE_VERDICT_COUNT];
    struct list l = { .out = all };
    unsigned n = 0;

    on_opening(c, &l);
    on_reset(c, &l);
    on_silence(c, &l);
    on_closing(c, &l);
    for (unsigned side = 0; side < 2; side++) {
        on_loss(c, side, &l);
        on_windows(c, side, &l);
        on_speed(c, side, &l);
    }
    on_options(c, &l);
    for (unsigned w = 3; w >= 1; w--)
        for (unsigned i = 0; i < l.n && n < TRACE_VERDICT_COUNT; i++)
            if (all[i].weight == w)
                out[n++] = all[i];
    return n;
}

const char *
estab_trace_begun(const struct connection *c)
{
    switch (c->begun) {
    case BEGUN_SYN:
        return "SYN unanswered";
    case BEGUN_REFUSED:
        return "refused";
    case BEGUN_ANSWERED:
        return "half-open";
    case BEGUN_WHOLE:
        return c->text_in_syn ? "handshake with text" : "handshake";
    case BEGUN_CROSSED:
        return "simultaneous open";
    default:
        return "before the capture";
    }
}

const char *
estab_trace_ended(const struct connection *c)
{
    static const char *const reset_by[] = { "reset by client", "reset by server" };
    static const char *const half[] = { "client closed only", "server closed only" };

    switch (c->ended) {
    case ENDED_HALF:
        return half[c->first_fin];
    case ENDED_THREE:
        return "closed in 3 segments";
    case ENDED_FOUR:
        return "closed in 4 segments";
    case ENDED_CROSSED:
        return "simultaneous close";
    case ENDED_RESET:
        return reset_by[c->reset_by];
    default:
        return "not closed";
    }
}
