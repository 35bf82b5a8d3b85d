/* SPDX-License-Identifier: MIT */
/*
 * The TCP header and its options (RFC 9293 §3.1, §3.2; RFC 7323 §2.2, §3.2; RFC 2018 §2, §3);
 * see tcp_header.h. Called from stack/ for each segment in and out.
 */
#include "wire/tcp_header.h"

#include "base/bytes.h"
#include "estab/config.h"

#include <string.h>

enum {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_PERMITTED = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_USER_TIMEOUT = 28,
    OPT_FAST_OPEN = 34,
    OPT_ACCECN0 = 172,
    OPT_ACCECN1 = 174,
};

static void
take_option(struct tcp_seg *seg, uint8_t kind, const uint8_t *opt, uint32_t len)
{
    bool syn = (seg->ctl & CTL_SYN) != 0;
    uint32_t i;

    switch (kind) {
    case OPT_MSS: /* (MUST-4, MUST-65) */
        if (len == 4 && syn) {
            seg->has_mss = true;
            seg->mss = get_be16(opt + 2);
        }
        break;
    case OPT_WSCALE: /* (RFC7323-2.2-SYNONLY) */
        if (len == 3 && syn) {
            seg->has_wscale = true;
            seg->wscale = opt[2];
        }
        break;
    case OPT_SACK_PERMITTED: /* (RFC2018-2) */
        if (len == 2 && syn)
            seg->sack_permitted = true;
        break;
    case OPT_SACK: /* 8n + 2 (RFC2018-3-FMT) */
        if (len < 10 || (len - 2) % 8 != 0)
            break;
        seg->sack_blocks = 0;
        for (i = 2; i < len && seg->sack_blocks < TCP_SACK_BLOCKS_MAX; i += 8) {
            seg->sack[seg->sack_blocks][0] = get_be32(opt + i);
            seg->sack[seg->sack_blocks][1] = get_be32(opt + i + 4);
            seg->sack_blocks++;
        }
        break;
    case OPT_TS:
        if (len == 10) {
            seg->has_ts = true;
            seg->ts_val = get_be32(opt + 2);
            seg->ts_ecr = get_be32(opt + 6);
        }
        break;
    case OPT_USER_TIMEOUT: /* RFC 5482 §2 (RFC5482-2): 15 bits of seconds or, with the top bit, minutes */
        if (len == 4) {
            uint32_t v = get_be16(opt + 2);

            seg->has_user_timeout = true;
            seg->user_timeout = (v & 0x7fff) * (v & 0x8000 ? 60u : 1u);
        }
        break;
    case OPT_FAST_OPEN: /* a request, or a cookie of 4 to 16 octets, even (RFC7413-4.1-OPT) */
        if (!syn || (len != 2 && (len < 2 + FAST_OPEN_COOKIE_MIN ||
                                  len > 2 + FAST_OPEN_COOKIE_MAX || len % 2 != 0)))
            break;
        seg->has_fast_open = true;
        seg->fast_open_len = (uint8_t)(len - 2);
        seg->fast_open = opt + 2;
        break;
    case OPT_ACCECN0: /* whole fields of three octets; what does not fill one is padding */
    case OPT_ACCECN1:
        seg->has_accecn = true;
        seg->accecn_order = kind == OPT_ACCECN1;
        seg->accecn_fields = (uint8_t)(len >= 11 ? 3 : (len - 2) / 3);
        for (i = 0; i < seg->accecn_fields; i++)
            seg->accecn[i] = (uint32_t)opt[2 + 3 * i] << 16 | get_be16(opt + 3 + 3 * i);
        break;
    default: /* (MUST-6) */
        break;
    }
}

static enum estab_verdict
parse_options(struct tcp_seg *seg, const uint8_t *opt, uint32_t len)
{
    uint32_t i = 0;

    /* What every segment of a connection with timestamps looks like (RFC 7323 Appendix A). */
    if (len == 12 && get_be32(opt) == 0x0101080a) {
        seg->has_ts = true;
        seg->ts_val = get_be32(opt + 4);
        seg->ts_ecr = get_be32(opt + 8);
        return ESTAB_SEG_NONE;
    }
    while (i < len) {
        if (opt[i] == OPT_EOL)
            return ESTAB_SEG_NONE;
        if (opt[i] == OPT_NOP) {
            i++;
            continue;
        }
        /* (MUST-68) all others have a length; (MUST-7) one that cannot be is illegal. */
        if (i + 1 >= len || opt[i + 1] < 2 || opt[i + 1] > len - i)
            return ESTAB_SEG_DROP_OPTION;
        take_option(seg, opt[i], opt + i, opt[i + 1]);
        i += opt[i + 1];
    }
    return ESTAB_SEG_NONE;
}

enum estab_verdict
estab_tcp_parse(struct tcp_seg *seg, const uint8_t *tcp, uint32_t len)
{
    uint32_t header;

    if (len < TCP_HEADER_MIN)
        return ESTAB_SEG_DROP_HEADER;
    header = (tcp[12] >> 4) * 4u;
    if (header < TCP_HEADER_MIN || header > len) /* (RFC9293-3.1-DOFF) */
        return ESTAB_SEG_DROP_HEADER;
    seg->src_port = get_be16(tcp);
    seg->dst_port = get_be16(tcp + 2);
    seg->seq = get_be32(tcp + 4);
    seg->ack = get_be32(tcp + 8);
    seg->ae = tcp[12] & 1;
    seg->ctl = tcp[13]; /* the reserved bits are ignored (RFC9293-3.1-RSRVD) */
    seg->wnd = get_be16(tcp + 14);
    seg->up = get_be16(tcp + 18);
    seg->header_len = (uint8_t)header;
    seg->has_mss = seg->has_wscale = seg->sack_permitted = seg->has_ts = false;
    seg->has_fast_open = false;
    seg->has_user_timeout = false;
    seg->has_accecn = false;
    seg->accecn_fields = 0;
    seg->user_timeout = 0;
    seg->fast_open_len = 0;
    seg->fast_open = NULL;
    seg->sack_blocks = 0;
    seg->mss = 0;
    seg->wscale = 0;
    seg->ts_val = seg->ts_ecr = 0;
    seg->text = tcp + header;
    seg->len = len - header;
    if (seg->src_port == 0 || seg->dst_port == 0)
        return ESTAB_SEG_DROP_PORT_ZERO;
    return header > TCP_HEADER_MIN
               ? parse_options(seg, tcp + TCP_HEADER_MIN, header - TCP_HEADER_MIN)
               : ESTAB_SEG_NONE;
}

static uint8_t *
put_mss(uint8_t *p, const struct tcp_seg *seg)
{
    p[0] = OPT_MSS;
    p[1] = 4;
    put_be16(p + 2, seg->mss);
    return p + 4;
}

static uint8_t *
put_nops(uint8_t *p, unsigned n)
{
    while (n-- > 0)
        *p++ = OPT_NOP;
    return p;
}

static uint8_t *
put_wscale(uint8_t *p, const struct tcp_seg *seg)
{
    p = put_nops(p, 1);
    p[0] = OPT_WSCALE;
    p[1] = 3;
    p[2] = seg->wscale;
    return p + 3;
}

static uint8_t *
put_sack_permitted(uint8_t *p)
{
    p[0] = OPT_SACK_PERMITTED;
    p[1] = 2;
    return p + 2;
}

static uint8_t *
put_ts(uint8_t *p, const struct tcp_seg *seg)
{
    p[0] = OPT_TS;
    p[1] = 10;
    put_be32(p + 2, seg->ts_val);
    put_be32(p + 6, seg->ts_ecr);
    return p + 10;
}

static uint8_t *
put_syn_options(uint8_t *p, const struct tcp_seg *seg, unsigned layout)
{
    if (seg->has_mss)
        p = put_mss(p, seg);
    if (layout == ESTAB_SYN_LAYOUT_BSD) {
        if (seg->has_wscale)
            p = put_wscale(p, seg);
        if (seg->sack_permitted && seg->has_ts) {
            p = put_sack_permitted(p);
            return put_ts(p, seg);
        }
        if (seg->has_ts)
            return put_ts(put_nops(p, 2), seg);
        if (seg->sack_permitted)
            return put_sack_permitted(p); /* EOL EOL follow */
        return p;
    }
    if (seg->sack_permitted)
        p = put_sack_permitted(seg->has_ts ? p : put_nops(p, 2));
    if (seg->has_ts)
        p = put_ts(seg->sack_permitted ? p : put_nops(p, 2), seg);
    if (seg->has_wscale)
        p = put_wscale(p, seg);
    return p;
}

/* RFC 7413 §4.1.1, behind the layout's own, if there is room. */
static uint8_t *
put_fast_open(uint8_t *p, const uint8_t *begin, const struct tcp_seg *seg)
{
    if (!seg->has_fast_open || (size_t)(p - begin) + 2 + seg->fast_open_len > TCP_OPTIONS_MAX)
        return p;
    p[0] = OPT_FAST_OPEN;
    p[1] = (uint8_t)(2 + seg->fast_open_len);
    if (seg->fast_open_len > 0)
        memcpy(p + 2, seg->fast_open, seg->fast_open_len);
    return p + p[1];
}

/* RFC 5482 §2: minutes when seconds do not fit. */
static uint8_t *
put_user_timeout(uint8_t *p, const struct tcp_seg *seg)
{
    uint32_t minutes = seg->user_timeout / 60;

    p[0] = OPT_USER_TIMEOUT;
    p[1] = 4;
    put_be16(p + 2, (uint16_t)(seg->user_timeout <= 0x7fff
                                   ? seg->user_timeout
                                   : 0x8000 | (minutes < 0x7fff ? minutes : 0x7fff)));
    return p + 4;
}

/* RFC 9768 §3.2.3, behind the others, if there is room. */
static uint8_t *
put_accecn(uint8_t *p, const uint8_t *begin, const struct tcp_seg *seg)
{
    uint32_t len = 2 + 3u * seg->accecn_fields;

    if (!seg->has_accecn || (size_t)(p - begin) + len > TCP_OPTIONS_MAX)
        return p;
    p[0] = seg->accecn_order == 0 ? OPT_ACCECN0 : OPT_ACCECN1;
    p[1] = (uint8_t)len;
    p += 2;
    for (unsigned i = 0; i < seg->accecn_fields; i++, p += 3) {
        p[0] = (uint8_t)(seg->accecn[i] >> 16);
        put_be16(p + 1, (uint16_t)seg->accecn[i]);
    }
    return p;
}

static uint8_t *
put_options(uint8_t *p, const struct tcp_seg *seg, unsigned layout)
{
    const uint8_t *begin = p;
    unsigned i, n;

    if (seg->ctl & CTL_SYN)
        return put_accecn(put_fast_open(put_syn_options(p, seg, layout), begin, seg), begin, seg);
    if (seg->has_ts)
        p = put_ts(put_nops(p, 2), seg); /* (RFC7323-A-LAYOUT) */
    if (seg->has_user_timeout)
        p = put_user_timeout(p, seg);
    n = seg->sack_blocks < TCP_SACK_BLOCKS_MAX ? seg->sack_blocks : TCP_SACK_BLOCKS_MAX;
    while (n > 0 && (size_t)(p - begin) + 4 + 8 * n > TCP_OPTIONS_MAX)
        n--;
    if (n == 0)
        return put_accecn(p, begin, seg);
    p = put_nops(p, 2);
    p[0] = OPT_SACK;
    p[1] = (uint8_t)(2 + 8 * n);
    p += 2;
    for (i = 0; i < n; i++, p += 8) {
        put_be32(p, seg->sack[i][0]);
        put_be32(p + 4, seg->sack[i][1]);
    }
    return put_accecn(p, begin, seg);
}

uint32_t
estab_tcp_write(uint8_t *out, const struct tcp_seg *seg, unsigned layout)
{
    uint8_t *p = put_options(out + TCP_HEADER_MIN, seg, layout);
    uint32_t header;

    while ((p - out) % 4 != 0)
        *p++ = OPT_EOL; /* (MUST-69) */
    header = (uint32_t)(p - out);
    put_be16(out, seg->src_port);
    put_be16(out + 2, seg->dst_port);
    put_be32(out + 4, seg->seq);
    put_be32(out + 8, seg->ack);
    out[12] = (uint8_t)(header / 4 << 4 | seg->ae);
    out[13] = seg->ctl;
    put_be16(out + 14, seg->wnd);
    put_be16(out + 16, 0);
    put_be16(out + 18, seg->up);
    return header;
}

uint32_t
estab_tcp_header_len(const struct tcp_seg *seg, unsigned layout)
{
    uint8_t options[TCP_OPTIONS_MAX];
    uint32_t n = (uint32_t)(put_options(options, seg, layout) - options);

    return TCP_HEADER_MIN + (n + 3) / 4 * 4;
}
