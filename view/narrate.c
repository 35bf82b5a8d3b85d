/* SPDX-License-Identifier: MIT */
/*
 * The narrator: follows connections through the records of one host or of both, and says one
 * sentence when a step of their life has been made. Nothing is said twice about one connection,
 * but for what is repeated on the wire. The words are in narrate_words.c.
 */
#include "view/narrate.h"

#include "view/row.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { STORIES = 8 };

/* One connection, seen from no side: end 0 opened it, as far as we know. */
struct story {
    struct estab_endpoint end[2];
    uint32_t host[2];
    bool has_host[2]; /* it is one of those whose records we get */
    uint64_t used;
    bool opener_known;
    bool said[SENTENCE_COUNT];
    uint64_t octets[2];
    bool fin_sent[2], fin_received[2], fin_acked[2]; /* acked: its FIN, by a segment of its own */
    bool syn_ack_unwanted; /* the last segment in was a SYN,ACK that we had not asked for */
    unsigned probes;
    estab_time heard_at[2];
    bool has_heard[2];
};

struct view_narrator {
    struct view_narrator_options options;
    view_write_fn *write;
    void *ctx;
    int error;
    char name[2][48];
    struct story story[STORIES];
    uint64_t records;
    uint64_t connection_bytes, half_open_bytes; /* what the last such record took */
};

/* What a sentence speaks of. */
struct facts {
    const struct story *s;
    int me; /* index into s->end */
    uint64_t n, m, b;
    estab_time t;
    const char *why;
};

/* ---- saying ---- */

struct speech {
    char s[1024];
    size_t len;
};

static void
add(struct speech *out, const char *text, size_t len)
{
    if (len > sizeof(out->s) - 2 - out->len)
        len = sizeof(out->s) - 2 - out->len;
    memcpy(out->s + out->len, text, len);
    out->len += len;
}

static const char *
name_of(const struct view_narrator *v, const struct facts *f, int end)
{
    const struct story *s = f->s;
    int i;

    if (s == NULL)
        return estab_narrator_name(v->options.language, NAME_THIS_HOST);
    if (!v->options.both && v->name[!s->has_host[end]][0] != '\0')
        return v->name[!s->has_host[end]];
    for (i = 0; i < 2; i++)
        if (v->options.both && v->name[i][0] != '\0' && s->has_host[end] &&
            s->host[end] == v->options.host[i])
            return v->name[i];
    if (s->opener_known)
        return estab_narrator_name(v->options.language, end == 0 ? NAME_CLIENT : NAME_SERVER);
    return estab_narrator_name(v->options.language, end == f->me ? NAME_THIS_HOST : NAME_PEER);
}

static void
add_name(struct speech *out, const struct view_narrator *v, const struct facts *f, const char *key)
{
    bool is_peer = key[0] == 'P' || key[0] == 'p';
    size_t before = out->len;
    const char *name = name_of(v, f, is_peer ? !f->me : f->me);

    add(out, name, strlen(name));
    if (isupper((unsigned char)key[0]) && out->len > before)
        out->s[before] = (char)toupper((unsigned char)out->s[before]);
}

static void
say(struct view_narrator *v, enum sentence sentence, const struct facts *f)
{
    const char *at = estab_narrator_sentence(v->options.language, sentence), *open, *close;
    struct speech out = { .len = 0 };
    struct phrase p;

    while ((open = strchr(at, '{')) != NULL && (close = strchr(open, '}')) != NULL) {
        add(&out, at, (size_t)(open - at));
        p = (struct phrase){ .len = 0 };
        switch (open[1]) {
        case 'M':
        case 'P':
        case 'p':
            add_name(&out, v, f, open + 1);
            break;
        case 'm':
            if (open[2] == 'e')
                add_name(&out, v, f, open + 1);
            else
                estab_phrase_add(&p, "%llu", (unsigned long long)f->m);
            break;
        case 'n':
            estab_phrase_add(&p, "%llu", (unsigned long long)f->n);
            break;
        case 'b':
            estab_phrase_bytes(&p, f->b);
            break;
        case 't':
            estab_phrase_duration(&p, f->t);
            break;
        default:
            estab_phrase_add(&p, "%s", f->why != NULL ? f->why : "");
            break;
        }
        add(&out, p.s, p.len);
        at = close + 1;
    }
    add(&out, at, strlen(at));
    out.s[out.len++] = '\n';
    if (v->error == 0)
        v->error = v->write(v->ctx, out.s, out.len);
}

/* Only once in the life of a connection. */
static void
say_once(struct view_narrator *v, struct story *s, enum sentence sentence, struct facts f)
{
    if (s->said[sentence])
        return;
    s->said[sentence] = true;
    f.s = s;
    say(v, sentence, &f);
}

/* ---- connections ---- */

static bool
same_end(const struct estab_endpoint *a, const struct estab_endpoint *b)
{
    return a->port == b->port && a->addr.family == b->addr.family &&
           memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes)) == 0;
}

/* The story of a record, and which end told it; NULL: it is of no connection. */
static struct story *
story_of(struct view_narrator *v, const struct estab_trace *r, int *me)
{
    struct story *s, *oldest = &v->story[0];
    unsigned i;

    if (r->local.port == 0 || r->remote.port == 0)
        return NULL;
    for (i = 0; i < STORIES; i++) {
        s = &v->story[i];
        if (s->used == 0) {
            oldest = s;
            continue;
        }
        *me = same_end(&s->end[0], &r->local) ? 0 : 1;
        if (same_end(&s->end[*me], &r->local) && same_end(&s->end[!*me], &r->remote))
            break;
        if (s->used < oldest->used)
            oldest = s;
    }
    if (i == STORIES) {
        s = oldest;
        memset(s, 0, sizeof(*s));
        s->end[0] = r->local;
        s->end[1] = r->remote;
        *me = 0;
    }
    s->used = v->records;
    s->has_host[*me] = true;
    s->host[*me] = r->host;
    return s;
}

/* `end` opens: a new story, and it is the client. */
static void
open_story(struct story *s, int *me, int end)
{
    struct story fresh = { .used = s->used, .opener_known = true };

    fresh.end[0] = s->end[end];
    fresh.end[1] = s->end[!end];
    fresh.host[0] = s->host[end];
    fresh.host[1] = s->host[!end];
    fresh.has_host[0] = s->has_host[end];
    fresh.has_host[1] = s->has_host[!end];
    *me = *me == end ? 0 : 1;
    *s = fresh;
}

/* ---- the steps ---- */

static void
fin_goes(struct view_narrator *v, struct story *s, int from)
{
    struct facts f = { .me = from };

    if (s->fin_sent[from])
        return;
    s->fin_sent[from] = true;
    if (!s->fin_sent[!from]) {
        f.n = s->octets[from];
        f.m = s->octets[!from];
        if (f.n + f.m > 0)
            say_once(v, s, SAY_DATA_SUM, f);
        say_once(v, s, SAY_FIN_FIRST, f);
    } else if (s->fin_acked[!from]) {
        say_once(v, s, SAY_FIN_SECOND, f);
    } else if (s->fin_received[from] || !s->has_host[from]) {
        say_once(v, s, SAY_FIN_MERGED, f);
    }
}

static void
last_ack(struct view_narrator *v, struct story *s, int me)
{
    struct facts f = { .me = me };

    if (v->options.msl > 0 && v->options.msl < ESTAB_NEVER / 2) {
        f.t = 2 * v->options.msl;
        say_once(v, s, SAY_LAST_ACK, f);
    } else {
        say_once(v, s, SAY_LAST_ACK_NO_TIME, f);
    }
    say_once(v, s, SAY_WHY_2MSL, f);
}

static void
reset_goes(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    struct facts f = { .me = me, .why = estab_reason_text(r->reason) };

    say_once(v, s, s->syn_ack_unwanted ? SAY_RESET_OLD_SYN : SAY_RESET_SENT, f);
}

static void
probe(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    struct facts f = { .s = s, .me = me, .n = ++s->probes };

    if (s->probes == 1) {
        f.t = s->has_heard[me] ? estab_time_between(s->heard_at[me], r->at) : 0;
        say(v, SAY_KEEPALIVE_FIRST, &f);
    } else {
        say(v, SAY_KEEPALIVE_NEXT, &f);
    }
}

static void
out_by_reason(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    struct facts f = { .me = me };

    switch (r->reason) {
    case ESTAB_WHY_SYN_AGAIN:
        say_once(v, s, SAY_SYN_AGAIN, f);
        break;
    case ESTAB_WHY_SYN_ACK_AGAIN:
        say_once(v, s, SAY_SYN_ACK_AGAIN, f);
        break;
    case ESTAB_WHY_RETRANSMIT_RTO:
        say_once(v, s, SAY_RETRANSMIT_TIMER, f);
        break;
    case ESTAB_WHY_RETRANSMIT_FAST:
        say_once(v, s, SAY_RETRANSMIT_FAST, f);
        break;
    case ESTAB_WHY_ZERO_WINDOW_PROBE:
        say_once(v, s, SAY_ZERO_WINDOW, f);
        break;
    case ESTAB_WHY_KEEPALIVE_PROBE:
        probe(v, s, r, me);
        break;
    case ESTAB_WHY_ACK_OF_FIN:
        if (r->state_after == ESTAB_TCPS_TIME_WAIT) {
            last_ack(v, s, me);
        } else if (!s->fin_sent[me] && s->fin_received[me]) {
            s->fin_acked[!me] = true;
            say_once(v, s, SAY_FIN_ACKED, f);
        }
        break;
    case ESTAB_WHY_ACK_UNACCEPTABLE:
        if (s->syn_ack_unwanted)
            say_once(v, s, SAY_ACK_OLD_SYN, f);
        break;
    default:
        break;
    }
}

static void
segment_out(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    const struct estab_trace_segment *seg = &r->seg;
    bool is_repeat = r->reason == ESTAB_WHY_RETRANSMIT_RTO ||
                     r->reason == ESTAB_WHY_RETRANSMIT_FAST ||
                     r->reason == ESTAB_WHY_RETRANSMIT_PARTIAL;
    struct facts f = { .me = me };

    if (seg->ctl & ESTAB_CTL_RST) {
        reset_goes(v, s, r, me);
        return;
    }
    if ((seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK)) == ESTAB_CTL_SYN &&
        r->reason != ESTAB_WHY_SYN_AGAIN) {
        if (!s->opener_known)
            open_story(s, &me, me);
        f.me = me;
        f.n = seg->seq;
        say_once(v, s, SAY_SYN, f);
        return;
    }
    if (seg->ctl & ESTAB_CTL_SYN && r->reason == ESTAB_WHY_SYN_ACK) {
        f.n = seg->seq;
        f.m = seg->ack;
        say_once(v, s, SAY_SYN_ACK, f);
        return;
    }
    if (me == 0 && s->said[SAY_SYN_ACK_ARRIVED] && !s->said[SAY_THIRD] &&
        !s->said[SAY_THIRD_WITH_DATA]) {
        f.n = seg->len;
        say_once(v, s, seg->len > 0 ? SAY_THIRD_WITH_DATA : SAY_THIRD, f);
        if (!v->options.both)
            say_once(v, s, SAY_THIRD_UNSEEN, f);
    }
    if (!is_repeat && r->reason != ESTAB_WHY_KEEPALIVE_PROBE)
        s->octets[me] += seg->len;
    if (seg->len > 0 && r->reason == ESTAB_WHY_DATA)
        say_once(v, s, SAY_FIRST_DATA, f);
    if (seg->ctl & ESTAB_CTL_FIN && !is_repeat)
        fin_goes(v, s, me);
    out_by_reason(v, s, r, me);
    s->syn_ack_unwanted = false;
}

/* What the peer did, when only its segments tell it. */
static void
infer_peer(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    const struct estab_trace_segment *seg = &r->seg;
    struct facts f = { .me = !me };

    if (r->verdict != ESTAB_SEG_ACCEPTED)
        return;
    s->octets[!me] += seg->len;
    if (seg->len > 0)
        say_once(v, s, SAY_FIRST_DATA, f);
    if (r->state_before == ESTAB_TCPS_FIN_WAIT_1 && r->state_after == ESTAB_TCPS_FIN_WAIT_2) {
        s->fin_acked[me] = true;
        say_once(v, s, SAY_FIN_ACKED, f);
    }
    if (seg->ctl & ESTAB_CTL_FIN)
        fin_goes(v, s, !me);
}

static void
segment_in(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    const struct estab_trace_segment *seg = &r->seg;
    bool is_syn_ack =
        (seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK)) == (ESTAB_CTL_SYN | ESTAB_CTL_ACK);
    struct facts f = { .me = me, .n = seg->seq };

    if (r->verdict == ESTAB_SEG_ACCEPTED_SYN || r->verdict == ESTAB_SEG_ACCEPTED_SYN_TIME_WAIT) {
        if (r->verdict == ESTAB_SEG_ACCEPTED_SYN_TIME_WAIT)
            say_once(v, s, SAY_REUSED, f);
        if (!s->opener_known || !v->options.both)
            open_story(s, &me, !me);
        f.me = me;
        if (!v->options.both)
            say_once(v, s, SAY_SYN_SEEN, f);
        f.b = v->half_open_bytes;
        say_once(v, s, SAY_SYN_ARRIVED, f);
        return;
    }
    if (is_syn_ack && r->verdict == ESTAB_SEG_ACCEPTED && r->state_before == ESTAB_TCPS_SYN_SENT) {
        f.m = seg->ack;
        if (!v->options.both)
            say_once(v, s, SAY_SYN_ACK_SEEN, f);
        say_once(v, s, SAY_SYN_ACK_ARRIVED, f);
        return;
    }
    s->syn_ack_unwanted = is_syn_ack;
    if (r->verdict == ESTAB_SEG_ACCEPTED_FIN_AGAIN) {
        f.s = s;
        say(v, SAY_FIN_AGAIN, &f);
        return;
    }
    if (r->verdict == ESTAB_SEG_ACCEPTED_RST && r->state_before != ESTAB_TCPS_SYN_RECEIVED &&
        r->state_before != ESTAB_TCPS_SYN_SENT)
        say_once(v, s, SAY_RESET_TAKEN, f);
    if (seg->ctl & ESTAB_CTL_FIN && r->verdict == ESTAB_SEG_ACCEPTED)
        s->fin_received[me] = true;
    if (!v->options.both)
        infer_peer(v, s, r, me);
    if (s->probes > 0 && !(seg->ctl & ESTAB_CTL_RST)) {
        s->probes = 0;
        f.s = s;
        say(v, SAY_KEEPALIVE_ANSWERED, &f);
    }
}

static void
state_changes(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    struct facts f = { .me = me, .why = estab_cause_text(r->cause) };

    switch (r->cause) {
    case ESTAB_CAUSE_SYN_CROSSED:
        say_once(v, s, SAY_SYN_CROSSED, f);
        break;
    case ESTAB_CAUSE_SYN_ACKED:
        if (r->state_before != ESTAB_TCPS_SYN_RECEIVED || me != 1)
            break;
        if (!v->options.both)
            say_once(v, s, SAY_THIRD, (struct facts){ .me = 0 });
        say_once(v, s, SAY_THIRD_ARRIVED, f);
        break;
    case ESTAB_CAUSE_FIN_ACKED:
        if (r->state_before == ESTAB_TCPS_LAST_ACK)
            say_once(v, s, SAY_PASSIVE_GONE, f);
        break;
    case ESTAB_CAUSE_FIN_ARRIVED:
        if (r->state_after == ESTAB_TCPS_CLOSING)
            say_once(v, s, SAY_CLOSING, f);
        break;
    case ESTAB_CAUSE_TIME_WAIT_OVER:
        say_once(v, s, SAY_TIME_WAIT_OVER, f);
        break;
    case ESTAB_CAUSE_RST_ARRIVED:
        if (r->state_before == ESTAB_TCPS_SYN_SENT)
            say_once(v, s, SAY_REFUSED, f);
        else if (r->state_before == ESTAB_TCPS_SYN_RECEIVED)
            say_once(v, s, SAY_RESET_HALF_OPEN, f);
        break;
    case ESTAB_CAUSE_KEEPALIVE_FAILED:
        f.n = s->probes;
        say_once(v, s, SAY_KEEPALIVE_FAILED, f);
        break;
    case ESTAB_CAUSE_USER_TIMEOUT:
    case ESTAB_CAUSE_SYN_ACK_GIVEN_UP:
    case ESTAB_CAUSE_FIN_WAIT_2_OVER:
    case ESTAB_CAUSE_HARD_ERROR:
    case ESTAB_CAUSE_NO_MEMORY:
    case ESTAB_CAUSE_LIMIT:
        say_once(v, s, SAY_GIVEN_UP, f);
        break;
    default:
        break;
    }
}

/* ---- the sink ---- */

struct view_narrator *
estab_view_narrator_new(const struct view_narrator_options *options, view_write_fn *write,
                        void *ctx)
{
    struct view_narrator *v = calloc(1, sizeof(*v));
    int i;

    if (v == NULL)
        return NULL;
    v->options = *options;
    v->write = write;
    v->ctx = ctx;
    for (i = 0; i < 2; i++)
        if (options->name[i] != NULL)
            strncpy(v->name[i], options->name[i], sizeof(v->name[i]) - 1);
    return v;
}

static void
call(struct view_narrator *v, struct story *s, const struct estab_trace *r, int me)
{
    struct facts f = { .s = s, .me = me };

    if (r->result < 0)
        return;
    if (r->call == ESTAB_CALL_OPEN_ACTIVE && s != NULL) {
        open_story(s, &me, me);
        f.me = me;
        f.b = v->connection_bytes;
        say_once(v, s, SAY_OPEN, f);
    } else if (r->call == ESTAB_CALL_OPEN_PASSIVE) {
        struct story listener = { .opener_known = true, .has_host = { false, true } };

        /* Whoever listens will be the server. */
        listener.host[1] = r->host;
        f = (struct facts){ .s = &listener, .me = 1, .n = r->local.port };
        say(v, SAY_LISTEN, &f);
    }
}

int
estab_view_narrator_record(struct view_narrator *v, const struct estab_trace *r)
{
    struct story *s;
    int me = 0;

    if (v->error != 0)
        return v->error;
    v->records++;
    if (r->kind == ESTAB_TRACE_MEMORY) {
        if (r->bytes > 0 && r->memory == ESTAB_MEM_CONNECTION)
            v->connection_bytes = (uint64_t)r->bytes;
        if (r->bytes > 0 && r->memory == ESTAB_MEM_HALF_OPEN)
            v->half_open_bytes = (uint64_t)r->bytes;
        return 0;
    }
    s = story_of(v, r, &me);
    if (r->kind == ESTAB_TRACE_CALL)
        call(v, s, r, me);
    if (s == NULL)
        return v->error;
    if (r->kind == ESTAB_TRACE_STATE)
        state_changes(v, s, r, me);
    else if (r->kind == ESTAB_TRACE_PACKET_OUT && r->proto == 6)
        segment_out(v, s, r, me);
    else if (r->kind == ESTAB_TRACE_PACKET_IN && r->proto == 6)
        segment_in(v, s, r, me);
    if (r->kind == ESTAB_TRACE_PACKET_IN && r->proto == 6) {
        /* The record may have turned the story round. */
        s = story_of(v, r, &me);
        s->heard_at[me] = r->at;
        s->has_heard[me] = true;
    }
    return v->error;
}

int
estab_view_narrator_finish(struct view_narrator *v)
{
    return v->error;
}

void
estab_view_narrator_free(struct view_narrator *v)
{
    free(v);
}
