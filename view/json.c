/* SPDX-License-Identifier: MIT */
/*
 * One JSON object a line (RFC 8259) for each record. Keys do not change their meaning; new ones may
 * come. Absent options, empty parts and what a kind of record does not have are left out.
 *
 *   at       nanoseconds of the records' clock; time, if the origin is known: since 1970, as text,
 *            because it does not fit a double
 *   host     number of the host
 *   kind     "packet_in" "packet_out" "state" "timer" "memory" "call"
 *   conn     handle, as text; local, remote: "192.0.2.1:80"; ifindex
 *   before, after  states, "SYN-SENT"
 *   why      {"name", "text", "rule"}: verdict of packet_in, reason of packet_out, cause of state
 *   proto    IP protocol of a packet; len: octets of the packet; packet: its octets, if asked for
 *   frame    on Ethernet: {"dst", "src", "vlan", "type", "len"}, and "octets" as of packet
 *   arp      {"op", "sender", "sender_mac", "target", "target_mac"}
 *   seg      a TCP segment: seq ack wnd len up ctl (["SYN","ACK"]) mss wscale sack_permitted
 *            ts ([val, ecr]) sack ([[left, right], ...])
 *   tcb      the connection after the event: the RFC's variables, queues, rings, timer
 *   timer    what fired; memory: what for, bytes: taken or returned, held: bytes after it
 *   call     the user's call; result
 */
#include "view/frame.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view_json {
    struct view_json_options options;
    view_write_fn *write;
    void *ctx;
    int error;
    size_t len;
    bool needs_comma;
    char line[4096];
};

/* Hands on what has been built so far; a line may be longer than the buffer. */
static void
flush(struct view_json *v)
{
    if (v->error == 0 && v->len > 0)
        v->error = v->write(v->ctx, v->line, v->len);
    v->len = 0;
}

static void
put(struct view_json *v, const char *s, size_t n)
{
    if (v->len + n > sizeof(v->line))
        flush(v);
    memcpy(v->line + v->len, s, n);
    v->len += n;
}

__attribute__((format(printf, 2, 3))) static void
putf(struct view_json *v, const char *format, ...)
{
    char part[160];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    if (n > 0)
        put(v, part, (size_t)n < sizeof(part) ? (size_t)n : sizeof(part) - 1);
}

static void
put_string(struct view_json *v, const char *s)
{
    put(v, "\"", 1);
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            putf(v, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            putf(v, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            put(v, s, 1);
    }
    put(v, "\"", 1);
}

static void
key(struct view_json *v, const char *name)
{
    if (v->needs_comma)
        put(v, ",", 1);
    v->needs_comma = true;
    putf(v, "\"%s\":", name);
}

static void
put_text(struct view_json *v, const char *name, const char *text)
{
    key(v, name);
    put_string(v, text);
}

static void
put_number(struct view_json *v, const char *name, int64_t n)
{
    key(v, name);
    putf(v, "%lld", (long long)n);
}

static void
open(struct view_json *v, const char *name)
{
    if (name != NULL)
        key(v, name);
    put(v, "{", 1);
    v->needs_comma = false;
}

static void
close(struct view_json *v)
{
    put(v, "}", 1);
    v->needs_comma = true;
}

/* ---- parts ---- */

static void
put_endpoint(struct view_json *v, const char *name, const struct estab_endpoint *e)
{
    char text[ESTAB_ENDPOINT_TEXT];

    if (e->addr.family != ESTAB_INET && e->addr.family != ESTAB_INET6) {
        if (e->port == 0)
            return;
        snprintf(text, sizeof(text), "*:%u", (unsigned)e->port);
        put_text(v, name, text);
        return;
    }
    put_text(v, name, estab_endpoint_format(e, text));
}

static void
put_why(struct view_json *v, const char *name, const char *text, const char *rule)
{
    open(v, "why");
    put_text(v, "name", name);
    put_text(v, "text", text);
    put_text(v, "rule", rule);
    close(v);
}

static void
put_segment(struct view_json *v, const struct estab_trace_segment *seg)
{
    static const char bits[][4] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
    const char *comma = "";
    unsigned i;

    open(v, "seg");
    put_number(v, "seq", seg->seq);
    put_number(v, "ack", seg->ack);
    put_number(v, "wnd", seg->wnd);
    put_number(v, "len", seg->len);
    put_number(v, "up", seg->up);
    key(v, "ctl");
    put(v, "[", 1);
    for (i = 0; i < 8; i++)
        if (seg->ctl & 1u << i) {
            putf(v, "%s\"%s\"", comma, bits[i]);
            comma = ",";
        }
    if (seg->ae)
        putf(v, "%s\"AE\"", comma);
    put(v, "]", 1);
    if (seg->has_mss)
        put_number(v, "mss", seg->mss);
    if (seg->has_wscale)
        put_number(v, "wscale", seg->wscale);
    if (seg->sack_permitted) {
        key(v, "sack_permitted");
        put(v, "true", 4);
    }
    if (seg->has_ts) {
        key(v, "ts");
        putf(v, "[%u,%u]", (unsigned)seg->ts_val, (unsigned)seg->ts_ecr);
    }
    if (seg->has_fast_open)
        put_number(v, "fast_open_cookie", seg->fast_open_len);
    if (seg->sack_blocks > 0) {
        key(v, "sack");
        for (i = 0; i < seg->sack_blocks && i < 4; i++)
            putf(v, "%s[%u,%u]", i == 0 ? "[" : ",", (unsigned)seg->sack[i][0],
                 (unsigned)seg->sack[i][1]);
        put(v, "]", 1);
    }
    close(v);
}

static void
put_tcb(struct view_json *v, const struct estab_trace_tcb *t)
{
    open(v, "tcb");
    put_number(v, "iss", t->iss);
    put_number(v, "irs", t->irs);
    put_number(v, "snd_una", t->snd_una);
    put_number(v, "snd_nxt", t->snd_nxt);
    put_number(v, "snd_wnd", t->snd_wnd);
    put_number(v, "rcv_nxt", t->rcv_nxt);
    put_number(v, "rcv_wnd", t->rcv_wnd);
    put_number(v, "cwnd", t->cwnd);
    put_number(v, "ssthresh", t->ssthresh);
    put_number(v, "flight", t->flight);
    put_number(v, "pipe", t->pipe);
    put_number(v, "srtt_us", t->srtt_us);
    put_number(v, "rttvar_us", t->rttvar_us);
    put_number(v, "rto_us", t->rto_us);
    put_number(v, "send_queued", t->send_queued);
    put_number(v, "receive_queued", t->receive_queued);
    put_number(v, "send_ring", t->send_ring);
    put_number(v, "receive_ring", t->receive_ring);
    put_number(v, "retransmissions", t->retransmissions);
    put_text(v, "timer", estab_timer_text(t->timer));
    if (t->timer_at != ESTAB_NEVER)
        put_number(v, "timer_at", t->timer_at);
    close(v);
}

/* Records without a connection have none. */
static bool
has_tcb(const struct estab_trace_tcb *t)
{
    return (t->iss | t->irs | t->snd_nxt | t->rcv_nxt | t->cwnd | t->rto_us | t->timer) != 0;
}

static void
put_octets(struct view_json *v, const char *name, const uint8_t *p, uint32_t len)
{
    static const char digit[] = "0123456789abcdef";
    uint32_t i;

    key(v, name);
    put(v, "\"", 1);
    for (i = 0; i < len; i++) {
        const char two[2] = { digit[p[i] >> 4], digit[p[i] & 15] };

        put(v, two, 2);
    }
    put(v, "\"", 1);
}

static void
put_mac(struct view_json *v, const char *name, const uint8_t *mac)
{
    struct phrase p = { .len = 0 };

    estab_phrase_mac(&p, mac);
    put_text(v, name, p.s);
}

static void
put_ipv4(struct view_json *v, const char *name, const uint8_t *addr)
{
    struct phrase p = { .len = 0 };

    estab_phrase_addr(&p, ESTAB_INET, addr);
    put_text(v, name, p.s);
}

static void
put_frame(struct view_json *v, const struct estab_trace *r)
{
    struct view_frame f;
    struct view_arp a;
    bool whole = estab_view_frame(r, &f);

    open(v, "frame");
    if (whole) {
        put_mac(v, "dst", f.dst);
        put_mac(v, "src", f.src);
        if (f.vlan != 0)
            put_number(v, "vlan", f.vlan);
        put_number(v, "type", f.type);
    }
    put_number(v, "len", r->frame_len);
    if (v->options.packets)
        put_octets(v, "octets", r->frame, r->frame_len);
    close(v);
    if (!whole || !estab_view_arp(&f, &a))
        return;
    open(v, "arp");
    if (a.op == 1 || a.op == 2)
        put_text(v, "op", a.op == 1 ? "request" : "reply");
    else
        put_number(v, "op", a.op);
    put_ipv4(v, "sender", a.spa);
    put_mac(v, "sender_mac", a.sha);
    put_ipv4(v, "target", a.tpa);
    put_mac(v, "target_mac", a.tha);
    close(v);
}

static void
put_packet(struct view_json *v, const struct estab_trace *r)
{
    put_number(v, "proto", r->proto);
    put_number(v, "len", r->packet_len);
    if (r->kind == ESTAB_TRACE_PACKET_IN)
        put_why(v, estab_verdict_name(r->verdict), estab_verdict_text(r->verdict),
                estab_verdict_rule(r->verdict));
    else
        put_why(v, estab_reason_name(r->reason), estab_reason_text(r->reason),
                estab_reason_rule(r->reason));
    if (r->proto == 6)
        put_segment(v, &r->seg);
    if (v->options.packets && r->packet != NULL)
        put_octets(v, "packet", r->packet, r->packet_len);
    if (r->frame != NULL)
        put_frame(v, r);
}

/* ---- the sink ---- */

struct view_json *
estab_view_json_new(const struct view_json_options *options, view_write_fn *write, void *ctx)
{
    struct view_json *v = calloc(1, sizeof(*v));

    if (v == NULL)
        return NULL;
    v->options = *options;
    v->write = write;
    v->ctx = ctx;
    return v;
}

int
estab_view_json_record(struct view_json *v, const struct estab_trace *r)
{
    static const char *const kinds[] = { "packet_in", "packet_out", "state",   "timer",
                                         "memory",    "call",       "recovery" };
    char text[24];

    if (v->error != 0)
        return v->error;
    v->needs_comma = false;
    open(v, NULL);
    put_number(v, "at", r->at);
    if (v->options.origin != 0) {
        snprintf(text, sizeof(text), "%lld",
                 (long long)((uint64_t)v->options.origin + (uint64_t)r->at));
        put_text(v, "time", text);
    }
    put_number(v, "host", r->host);
    put_text(v, "kind", r->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[r->kind] : "?");
    if (r->conn != 0) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)r->conn);
        put_text(v, "conn", text);
    }
    put_endpoint(v, "local", &r->local);
    put_endpoint(v, "remote", &r->remote);
    if (r->ifindex != 0)
        put_number(v, "ifindex", r->ifindex);
    put_text(v, "before", estab_state_name(r->state_before));
    put_text(v, "after", estab_state_name(r->state_after));
    switch (r->kind) {
    case ESTAB_TRACE_PACKET_IN:
    case ESTAB_TRACE_PACKET_OUT:
        put_packet(v, r);
        break;
    case ESTAB_TRACE_STATE:
        put_why(v, estab_cause_name(r->cause), estab_cause_text(r->cause),
                estab_cause_rule(r->cause));
        break;
    case ESTAB_TRACE_TIMER:
        put_text(v, "timer", estab_timer_text(r->timer));
        break;
    case ESTAB_TRACE_RECOVERY:
        put_why(v, estab_recovery_name(r->recovery), estab_recovery_text(r->recovery),
                estab_recovery_rule(r->recovery));
        break;
    case ESTAB_TRACE_MEMORY:
        put_text(v, "memory", estab_memory_text(r->memory));
        put_number(v, "bytes", r->bytes);
        put_number(v, "held", r->bytes_held <= INT64_MAX ? (int64_t)r->bytes_held : INT64_MAX);
        break;
    case ESTAB_TRACE_CALL:
        put_text(v, "call", estab_call_text(r->call));
        put_number(v, "result", r->result);
        break;
    default:
        break;
    }
    if (has_tcb(&r->tcb))
        put_tcb(v, &r->tcb);
    close(v);
    put(v, "\n", 1);
    flush(v);
    return v->error;
}

int
estab_view_json_finish(struct view_json *v)
{
    return v->error;
}

void
estab_view_json_free(struct view_json *v)
{
    free(v);
}
