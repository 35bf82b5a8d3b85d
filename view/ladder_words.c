/* SPDX-License-Identifier: MIT */
/*
 * What stands on an arrow and beside a life line: control bits, sequence numbers counted from the
 * ISN, options, the user's calls. Called from ladder_arrow.c, ladder.c and ladder_fold.c.
 */
#include "view/ladder.h"

#include <string.h>

static const uint8_t proto_tcp = 6, proto_udp = 17, proto_icmp = 1, proto_icmpv6 = 58;

enum style
estab_ladder_state_style(unsigned state)
{
    switch (state) {
    case ESTAB_TCPS_SYN_SENT:
    case ESTAB_TCPS_SYN_RECEIVED:
    case ESTAB_TCPS_ESTABLISHED:
        return STYLE_OPEN;
    case ESTAB_TCPS_LISTEN:
        return STYLE_STATE;
    case ESTAB_TCPS_CLOSED:
        return STYLE_DIM;
    default:
        return STYLE_CLOSE;
    }
}

/* The bits in the order in which people say them: what the segment is for, then ACK. */
static void
add_ctl(struct phrase *p, unsigned ctl)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } bits[] = {
        { ESTAB_CTL_SYN, "SYN" }, { ESTAB_CTL_FIN, "FIN" }, { ESTAB_CTL_RST, "RST" },
        { ESTAB_CTL_URG, "URG" }, { ESTAB_CTL_PSH, "PSH" }, { ESTAB_CTL_ACK, "ACK" },
        { ESTAB_CTL_ECE, "ECE" }, { ESTAB_CTL_CWR, "CWR" },
    };
    size_t before = p->len, i;

    for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (ctl & bits[i].bit)
            estab_phrase_add(p, "%s%s", p->len > before ? "," : "", bits[i].name);
    if (p->len == before)
        estab_phrase_add(p, "no bits");
}

/* Counted from the ISN; what lies before it is negative. */
static void
add_relative(struct phrase *p, const char *name, uint32_t seq, uint32_t isn)
{
    uint32_t d = seq - isn;

    if (d <= INT32_MAX)
        estab_phrase_add(p, "%s %u", name, (unsigned)d);
    else
        estab_phrase_add(p, "%s -%u", name, (unsigned)(0u - d));
}

static struct phrase *
next(struct label *label)
{
    struct phrase *p = &label->item[label->n < LABEL_ITEMS ? label->n++ : LABEL_ITEMS - 1];

    p->len = 0;
    p->s[0] = '\0';
    return p;
}

static enum style
style_of(const struct estab_trace *r)
{
    const struct estab_trace_segment *seg = &r->seg;

    if (seg->ctl & ESTAB_CTL_RST)
        return STYLE_RESET;
    if (r->kind == ESTAB_TRACE_PACKET_OUT) {
        switch (r->reason) {
        case ESTAB_WHY_SYN_AGAIN:
        case ESTAB_WHY_SYN_ACK_AGAIN:
        case ESTAB_WHY_RETRANSMIT_RTO:
        case ESTAB_WHY_RETRANSMIT_FAST:
        case ESTAB_WHY_RETRANSMIT_PARTIAL:
        case ESTAB_WHY_ZERO_WINDOW_PROBE:
        case ESTAB_WHY_KEEPALIVE_PROBE:
        case ESTAB_WHY_CHALLENGE_ACK:
            return STYLE_AGAIN;
        default:
            break;
        }
    }
    if (seg->ctl & ESTAB_CTL_SYN)
        return STYLE_OPEN;
    if (seg->ctl & ESTAB_CTL_FIN)
        return STYLE_CLOSE;
    return seg->len > 0 ? STYLE_DATA : STYLE_ACK;
}

static void
add_options(const struct ladder_conn *c, const struct estab_trace_segment *seg, int from,
            struct label *label)
{
    struct phrase *p;
    unsigned i;

    if (seg->ctl & ESTAB_CTL_SYN) {
        estab_phrase_add(next(label), "ISN %u", (unsigned)seg->seq);
        if (seg->has_mss)
            estab_phrase_add(next(label), "mss %u", (unsigned)seg->mss);
        if (seg->sack_permitted)
            estab_phrase_add(next(label), "sack");
        if (seg->has_wscale)
            estab_phrase_add(next(label), "wscale %u", (unsigned)seg->wscale);
        if (seg->has_ts)
            estab_phrase_add(next(label), "timestamps");
        if (seg->has_fast_open)
            estab_phrase_add(next(label), seg->fast_open_len > 0 ? "fast open cookie"
                                                                 : "asks for a fast open cookie");
    }
    if (seg->ctl & ESTAB_CTL_URG)
        estab_phrase_add(next(label), "urgent up to +%u", (unsigned)seg->up);
    if (seg->sack_blocks > 0) {
        p = next(label);
        estab_phrase_add(p, "sack");
        for (i = 0; i < seg->sack_blocks && i < 4; i++) {
            add_relative(p, "", seg->sack[i][0], c != NULL ? c->isn[!from] : 0);
            add_relative(p, " to", seg->sack[i][1], c != NULL ? c->isn[!from] : 0);
        }
    }
}

/* The window in octets: scaled when both SYNs said so (RFC 7323 §2.2), never on a SYN. */
static uint32_t
window(const struct ladder_conn *c, const struct estab_trace_segment *seg, int from)
{
    if (c != NULL && !(seg->ctl & ESTAB_CTL_SYN) && c->has_wscale[LEFT] && c->has_wscale[RIGHT])
        return seg->wnd << (c->wscale[from] & 15);
    return seg->wnd;
}

static void
label_segment(const struct ladder_conn *c, const struct estab_trace *r, int from,
              struct label *label)
{
    const struct estab_trace_segment *seg = &r->seg;

    /* A RST to nobody knows no ISN: its numbers are as they stand. */
    add_relative(next(label), "seq", seg->seq, c != NULL && c->has_isn[from] ? c->isn[from] : 0);
    if (seg->len > 0)
        estab_phrase_add(next(label), "len %u", (unsigned)seg->len);
    if (seg->ctl & ESTAB_CTL_ACK)
        add_relative(next(label), "ack", seg->ack,
                     c != NULL && c->has_isn[!from] ? c->isn[!from] : 0);
    if (seg->wnd != 0 && !(seg->ctl & ESTAB_CTL_RST))
        label->optional = label->n;
    if (!(seg->ctl & ESTAB_CTL_RST))
        estab_phrase_add(next(label), "win %u", (unsigned)window(c, seg, from));
    label->details = label->n;
    add_options(c, seg, from, label);
}

static void
add_mac(struct phrase *p, const uint8_t *mac)
{
    estab_phrase_add(p, "is at ");
    estab_phrase_mac(p, mac);
}

/* RFC 826, RFC 5227: who asks for whom, who is where. */
static void
label_frame(const struct estab_trace *r, struct phrase *p, struct label *label)
{
    struct view_frame f;
    struct view_arp a;

    if (!estab_view_frame(r, &f)) {
        estab_phrase_add(p, "frame without IP");
    } else if (!estab_view_arp(&f, &a)) {
        estab_phrase_add(p, "frame without IP");
        estab_phrase_add(next(label), "type 0x%04x", (unsigned)f.type);
    } else if (a.op == 1 && memcmp(a.spa, a.tpa, 4) == 0) {
        estab_phrase_add(p, "ARP ");
        estab_phrase_addr(p, ESTAB_INET, a.spa);
        add_mac(next(label), a.sha);
    } else if (a.op == 1) {
        estab_phrase_add(p, "ARP who has ");
        estab_phrase_addr(p, ESTAB_INET, a.tpa);
        if ((a.spa[0] | a.spa[1] | a.spa[2] | a.spa[3]) != 0) {
            p = next(label);
            estab_phrase_add(p, "tell ");
            estab_phrase_addr(p, ESTAB_INET, a.spa);
        }
    } else {
        estab_phrase_add(p, "ARP ");
        estab_phrase_addr(p, ESTAB_INET, a.spa);
        add_mac(next(label), a.sha);
    }
}

/* RFC 4861 §4: who is looked for, or told of. False: the frame is not at hand, or another message. */
static bool
label_nd(const struct estab_trace *r, struct phrase *p, struct label *label)
{
    struct view_frame f;
    const uint8_t *m;

    if (!estab_view_frame(r, &f) || f.len < 40 + 24 || f.payload[6] != proto_icmpv6)
        return false;
    m = f.payload + 40;
    if (m[0] == 135) {
        estab_phrase_add(p, "ND who has ");
        estab_phrase_addr(p, ESTAB_INET6, m + 8);
        return true;
    }
    if (m[0] != 136)
        return false;
    estab_phrase_add(p, "ND ");
    estab_phrase_addr(p, ESTAB_INET6, m + 8);
    if (f.len >= 40 + 32 && m[24] == 2 && m[25] == 1)
        add_mac(next(label), m + 26);
    return true;
}

/* Type and code of an ICMP message, if the packet is at hand. */
static void
label_icmp(const struct estab_trace *r, struct label *label)
{
    struct phrase *p = next(label);
    uint32_t at = 40;

    if (r->packet == NULL || r->packet_len == 0)
        return;
    if (r->packet[0] >> 4 == 4)
        at = (r->packet[0] & 15u) * 4;
    else if (r->packet_len > 48 && r->packet[6] == 0 && r->packet[41] == 0)
        at = 48; /* hop-by-hop options, as of reports of groups */
    if (at + 2 <= r->packet_len)
        estab_phrase_add(p, "type %u code %u", (unsigned)r->packet[at],
                         (unsigned)r->packet[at + 1]);
}

void
estab_ladder_label(const struct view_ladder *v, const struct ladder_conn *c,
                   const struct estab_trace *r, int from, struct label *label)
{
    struct phrase *p;

    label->n = 0;
    label->optional = label->details = LABEL_ITEMS;
    label->style = STYLE_PLAIN;
    p = next(label);
    if (c != NULL && v->conns_seen > 1)
        estab_phrase_add(p, "#%u ", c->number);
    if (r->proto == proto_tcp && c != NULL) {
        label->style = style_of(r);
        /* with AccECN these bits are a counter on every segment: nothing for a ladder */
        add_ctl(p, r->tcb.accecn && !(r->seg.ctl & ESTAB_CTL_SYN)
                       ? r->seg.ctl & ~(unsigned)(ESTAB_CTL_ECE | ESTAB_CTL_CWR)
                       : r->seg.ctl);
        label_segment(c, r, from, label);
    } else if (r->proto == proto_icmpv6 && label_nd(r, p, label)) {
        return;
    } else if (r->proto == proto_icmp || r->proto == proto_icmpv6) {
        estab_phrase_add(p, r->proto == proto_icmp ? "ICMP" : "ICMPv6");
        label_icmp(r, label);
    } else if (r->proto == 0 && r->packet == NULL) {
        label_frame(r, p, label); /* ARP, or what is not for us */
    } else if (r->proto == proto_udp && r->local.port != 0) {
        bool out = r->kind == ESTAB_TRACE_PACKET_OUT;

        estab_phrase_add(p, "UDP");
        estab_phrase_add(next(label), "port %u to %u",
                         (unsigned)(out ? r->local.port : r->remote.port),
                         (unsigned)(out ? r->remote.port : r->local.port));
        estab_phrase_add(next(label), "%u octets", (unsigned)r->packet_len);
    } else {
        estab_phrase_add(p, r->proto == proto_tcp ? "TCP packet" : "packet");
        estab_phrase_add(next(label), "%u octets", (unsigned)r->packet_len);
        if (r->proto != 0 && r->proto != proto_tcp)
            estab_phrase_add(next(label), "protocol %u", (unsigned)r->proto);
    }
}

void
estab_ladder_call_text(const struct estab_trace *r, struct phrase *p)
{
    static const char *const name[] = {
        [ESTAB_CALL_OPEN_ACTIVE] = "OPEN", [ESTAB_CALL_OPEN_PASSIVE] = "OPEN passive",
        [ESTAB_CALL_ACCEPT] = "ACCEPT",    [ESTAB_CALL_SEND] = "SEND",
        [ESTAB_CALL_RECEIVE] = "RECEIVE",  [ESTAB_CALL_SHUTDOWN] = "CLOSE",
        [ESTAB_CALL_CLOSE] = "release",    [ESTAB_CALL_ABORT] = "ABORT",
    };

    estab_phrase_add(p, "%s", r->call < sizeof(name) / sizeof(name[0]) ? name[r->call] : "?");
    if (r->call == ESTAB_CALL_RECEIVE && r->result == 0)
        estab_phrase_add(p, " end");
    else if (r->result >= 1000000000000)
        estab_phrase_add(p, " many");
    else if (r->result >= 1000000000)
        estab_phrase_add(p, " %u G", (unsigned)(r->result / 1000000000));
    else if (r->result >= 1000000)
        estab_phrase_add(p, " %u M", (unsigned)(r->result / 1000000));
    else if (r->result >= 100000)
        estab_phrase_add(p, " %u k", (unsigned)(r->result / 1000));
    else if (r->result > 0)
        estab_phrase_add(p, " %u", (unsigned)r->result);
}

void
estab_ladder_memory_text(unsigned memory, int64_t bytes, uint64_t held, struct phrase *p)
{
    estab_phrase_add(p, bytes < 0 ? "−" : "+");
    estab_phrase_bytes(p, bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes);
    estab_phrase_add(p, " %s, now ", estab_memory_text(memory));
    estab_phrase_bytes(p, held);
}
