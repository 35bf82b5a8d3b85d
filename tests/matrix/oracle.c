/* SPDX-License-Identifier: MIT */
/* The table, and the few lines that read it; see oracle.h. */
#include "matrix/oracle.h"

#define S(name) (1u << ESTAB_TCPS_##name)
#define F ESTAB_CTL_FIN
#define Y ESTAB_CTL_SYN
#define R ESTAB_CTL_RST
#define A ESTAB_CTL_ACK

/* State sets. SYN-RECEIVED by a passive OPEN is told apart by a bit of its own. */
#define PASSIVE (1u << 11)
#define SYNCHRONIZED                                                                               \
    (S(ESTABLISHED) | S(FIN_WAIT_1) | S(FIN_WAIT_2) | S(CLOSE_WAIT) | S(CLOSING) | S(LAST_ACK) |   \
     S(TIME_WAIT))
#define OTHERS (SYNCHRONIZED | S(SYN_RECEIVED) | PASSIVE)
#define RECEIVING (S(ESTABLISHED) | S(FIN_WAIT_1) | S(FIN_WAIT_2))

/* What is true of a segment in a connection. */
enum {
    FITS = 1 << 0,      /* Table 6 of §3.10.7.4: acceptable */
    AT_NXT = 1 << 1,    /* SEG.SEQ = RCV.NXT */
    INSIDE = 1 << 2,    /* SEG.SEQ inside the window, or = RCV.NXT */
    IS_IRS = 1 << 3,    /* SEG.SEQ = IRS */
    NEWER = 1 << 4,     /* SEG.SEQ >= RCV.NXT */
    ACK_NEW = 1 << 5,   /* SND.UNA < SEG.ACK =< SND.NXT */
    ACK_FIN = 1 << 6,   /* our FIN is acknowledged */
    ACK_OUT = 1 << 7,   /* not (SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT) */
    TEXT = 1 << 8,      /* new text from RCV.NXT on, inside the window */
    GAP = 1 << 9,       /* text or FIN inside the window, but behind a gap */
    FIN_NEXT = 1 << 10, /* the FIN is inside the window and nothing is missing before it */
    LONG = 1 << 11,     /* has text */
    REACHES = 1 << 12,  /* FIN bit, and the FIN stands at RCV.NXT - 1: the one we have */
    SPACE = 1 << 13,    /* takes sequence space: text, SYN or FIN */
    SHUT = 1 << 14,     /* RCV.WND = 0 */
};

/* What a row does beside its reply. */
enum {
    STOP = 1 << 0,
    UNA = 1 << 1,      /* SND.UNA <- SEG.ACK, when that is newer */
    TAKE = 1 << 2,     /* RCV.NXT over the text, which is delivered */
    TAKE_FIN = 1 << 3, /* RCV.NXT over the FIN */
    IRS_SET = 1 << 4,  /* RCV.NXT <- SEG.SEQ + 1 */
    RESTART = 1 << 5,  /* 2MSL starts */
    NO_SYN = 1 << 6,   /* the SYN is one we have: what is behind it is looked at without it */
    NO_TEXT = 1 << 7,  /* text and FIN are refused, the rest is looked at without them */
};
#define SAME 0xff
#define GO(name) ESTAB_TCPS_##name

/* In each step the first row that fits is obeyed; STOP ends the processing. A reply of a later step
 * stands for those before it: one ACK says both. */
static const struct row {
    uint8_t step;
    uint32_t states;
    uint8_t on, off; /* control bits set and not set */
    uint32_t is, isnt;
    uint8_t reply, next;
    uint32_t does;
    const char *cite;
} table[] = {
#include "matrix/rows.h"
};

static bool
lt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static uint32_t
new_text(const struct oracle_tcb *t, uint32_t from, uint32_t len)
{
    uint32_t old = t->rcv_nxt - from;

    if (lt(t->rcv_nxt, from) || old >= len)
        return 0;
    len -= old;
    return len < t->rcv_wnd ? len : t->rcv_wnd;
}

static uint32_t
facts_of(const struct oracle_tcb *t, const struct oracle_seg *s)
{
    uint32_t from = s->seq + ((s->ctl & Y) != 0), fin = from + s->len;
    uint32_t n = s->len + ((s->ctl & Y) != 0) + ((s->ctl & F) != 0), off = s->seq - t->rcv_nxt;
    uint32_t last = off + n - 1, f = 0;

    if (n == 0 ? off == 0 || off < t->rcv_wnd
               : t->rcv_wnd > 0 && (off < t->rcv_wnd || last < t->rcv_wnd))
        f |= FITS;
    f |= off == 0 ? AT_NXT : 0;
    f |= off == 0 || off < t->rcv_wnd ? INSIDE : 0;
    f |= s->seq == t->irs ? IS_IRS : 0;
    f |= !lt(s->seq, t->rcv_nxt) ? NEWER : 0;
    f |= lt(t->snd_una, s->ack) && !lt(t->snd_nxt, s->ack) ? ACK_NEW : 0;
    f |= t->fin_sent && s->ack == t->snd_nxt ? ACK_FIN : 0;
    f |= lt(t->snd_nxt, s->ack) || lt(s->ack, t->snd_una - t->max_snd_wnd) ? ACK_OUT : 0;
    f |= new_text(t, from, s->len) > 0 ? TEXT : 0;
    f |= s->len > 0 ? LONG : 0;
    f |= n > 0 ? SPACE : 0;
    f |= t->rcv_wnd == 0 ? SHUT : 0;
    f |= (s->ctl & F) != 0 && fin == t->rcv_nxt - 1 ? REACHES : 0;
    if (lt(t->rcv_nxt, from) && from - t->rcv_nxt < t->rcv_wnd && (s->len > 0 || s->ctl & F))
        f |= GAP;
    if (s->ctl & F && !(f & GAP) && fin - t->rcv_nxt < t->rcv_wnd)
        f |= FIN_NEXT;
    return f;
}

struct oracle_answer
oracle_asks(const struct oracle_tcb *tcb, const struct oracle_seg *arrived)
{
    struct oracle_seg copy = *arrived, *seg = &copy;
    struct oracle_tcb t = *tcb;
    struct oracle_answer a = { .state = t.state, .snd_una = t.snd_una, .rcv_nxt = t.rcv_nxt };
    uint32_t f;
    uint8_t done = 0;

    if (t.state == GO(SYN_SENT)) /* nothing is known of the peer's numbers yet */
        t.rcv_nxt = seg->seq + 1;
    f = facts_of(&t, seg);
    a.cited = "RFC 9293 §3.10.7.4";
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct row *r = &table[i];
        uint32_t state = a.state == GO(SYN_RECEIVED) && t.passive ? PASSIVE : 1u << a.state;

        if (r->step <= done || !(r->states & state) || (seg->ctl & r->on) != r->on ||
            (seg->ctl & r->off) != 0 || (f & r->is) != r->is || (f & r->isnt) != 0)
            continue;
        done = r->step;
        a.cited = r->cite;
        if (r->reply != NOTHING)
            a.reply = r->reply;
        if (r->next != SAME)
            a.state = r->next;
        if (r->does & UNA && f & ACK_NEW)
            a.snd_una = seg->ack;
        if (r->does & IRS_SET)
            a.rcv_nxt = seg->seq + 1;
        if (r->does & TAKE) {
            a.delivered = new_text(&t, seg->seq + ((seg->ctl & Y) != 0), seg->len);
            a.rcv_nxt += a.delivered;
        }
        if (r->does & TAKE_FIN)
            a.rcv_nxt++;
        a.restart |= (r->does & RESTART) != 0;
        if (r->does & NO_SYN) {
            seg->seq++;
            seg->ctl &= (uint8_t)~Y;
        }
        if (r->does & NO_TEXT) {
            seg->len = 0;
            seg->ctl &= (uint8_t)~F;
        }
        if (r->does & (NO_SYN | NO_TEXT))
            f = facts_of(&t, seg);
        if (r->does & STOP)
            break;
    }
    return a;
}
