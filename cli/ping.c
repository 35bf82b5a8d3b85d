/* SPDX-License-Identifier: MIT */
/*
 * estab ping: is somebody there, how far, how fast, as ping(8) asks; and with --trace by which
 * routers, as traceroute(8) does. Requests leave at their times, whatever comes back; what comes
 * back is printed at once. The data of each request is new and not to be guessed, so that what is
 * told as a reply is one.
 */
#include "cli/cli.h"
#include "cli/dial.h"
#include "cli/host.h"
#include "cli/numbers.h"
#include "cli/ping_report.h"
#include "cli/resolv.h"
#include "drivers/random.h"
#include "estab/estab.h"

#include <stdio.h>
#include <string.h>

enum {
    SIZE_MAX_4 = 65507, /* what a packet of 65,535 octets holds */
    SIZE_MAX_6 = 65527, /* its header does not count */
    HOPS_MAX = 30,
    PROBES = 3, /* of each hop */
};

/* --- the command line --- */

struct ping_options {
    uint64_t count;      /* 0: until it is interrupted */
    estab_time interval; /* 1 s; 0: the next when the last is answered, or after 10 ms */
    estab_time timeout;  /* for each reply; 10 s, of a trace 3 s */
    estab_time deadline; /* of all; 0: none */
    uint32_t size;
    uint8_t ttl;
    bool size_given, timeout_given, quiet, json, dont_fragment, broadcast, trace;
};

static int
take_count(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;

    if (!estab_parse_number(value, 1, UINT32_MAX, &o->count))
        return estab_fail(why, "not a number from 1 on");
    return 0;
}

static int
take_interval(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;

    if (!estab_parse_duration(value, &o->interval) || o->interval < ESTAB_MS(2))
        return estab_fail(why, "not a duration of 2ms or more, such as 0.2 or 5s");
    return 0;
}

static int
take_timeout(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;

    if (!estab_parse_duration(value, &o->timeout) || o->timeout > ESTAB_SEC(3600))
        return estab_fail(why, "not a duration up to 1h, such as 2 or 500ms");
    o->timeout_given = true;
    return 0;
}

static int
take_deadline(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;

    if (!estab_parse_duration(value, &o->deadline))
        return estab_fail(why, "not a duration, such as 10 or 500ms");
    return 0;
}

static int
take_size(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;
    uint64_t n;

    if (!estab_parse_number(value, 0, SIZE_MAX_6, &n))
        return estab_fail(why, "not a number from 0 to %d", SIZE_MAX_6);
    o->size = (uint32_t)n;
    o->size_given = true;
    return 0;
}

static int
take_ttl(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;
    uint64_t n;

    if (!estab_parse_number(value, 1, 255, &n))
        return estab_fail(why, "not a number from 1 to 255");
    o->ttl = (uint8_t)n;
    return 0;
}

/* As ping -M: "do" is a packet that must stay whole, "dont" one that may be cut. */
static int
take_mtu_discovery(void *into, const char *value, struct failure *why)
{
    struct ping_options *o = into;

    if (strcmp(value, "do") != 0 && strcmp(value, "dont") != 0)
        return estab_fail(why, "neither do nor dont");
    o->dont_fragment = strcmp(value, "do") == 0;
    return 0;
}

#define SWITCH(name)                                                                               \
    static int take_##name(void *into, const char *value, struct failure *why)                     \
    {                                                                                              \
        struct ping_options *o = into;                                                             \
                                                                                                   \
        (void)value;                                                                               \
        (void)why;                                                                                 \
        o->name = true;                                                                            \
        return 0;                                                                                  \
    }

SWITCH(quiet)
SWITCH(json)
SWITCH(dont_fragment)
SWITCH(broadcast)
SWITCH(trace)

static int
take_nothing(void *into, const char *value, struct failure *why)
{
    (void)into;
    (void)value;
    (void)why;
    return 0;
}

static const struct option_rule rules[] = {
    { "count", 'c', "N", "end after so many requests", take_count },
    { "interval", 'i', "TIME", "between two requests (default: 1 s)", take_interval },
    { "timeout", 'W', "TIME", "wait so long for a reply (default: 10 s; --trace: 3 s)",
      take_timeout },
    { "deadline", 'w', "TIME", "end after this time, whatever came", take_deadline },
    { "size", 's', "N", "octets of data (default: 56), up to 65507", take_size },
    { "ttl", 't', "N", "TTL or hop limit (default: 64)", take_ttl },
    { "df", 0, NULL, "packets that no router may cut", take_dont_fragment },
    { NULL, 'M', "HOW", "the same as ping(8) has it: do or dont", take_mtu_discovery },
    { "broadcast", 'b', NULL, "a broadcast address may be asked", take_broadcast },
    { "trace", 0, NULL, "the routers on the way, three requests for each", take_trace },
    { "quiet", 'q', NULL, "only the summary", take_quiet },
    { "json-lines", 'j', NULL, "each answer, and the summary, as one line of JSON", take_json },
    { NULL, 'n', NULL, "no names (there never are)", take_nothing },
};

static const struct command command = {
    .name = "ping",
    .usage = "HOST",
    .about = "Asks whether a host is there, and how long its answers take.",
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
};

/* --- what is asked --- */

struct ping {
    struct ping_options options;
    struct host host;
    struct dial dial;
    const char *name; /* as given */
    struct estab_addr to;
    bool ethernet;
    bool asking; /* the endpoint is there */
    bool over;
    estab_echo echo;
    struct ping_report report;
    struct loop_alarm next, patience, deadline;
    estab_time started_at, next_at, last_at; /* of requests */
    uint64_t sent, settled; /* settled: answered, refused, or told that nobody will */
    uint64_t seen;          /* of the last 64 numbers, which are settled */
    uint8_t data[SIZE_MAX_6 + 1];
    /* --trace */
    unsigned hop, probes, answers; /* of this hop */
    bool arrived;
    int status;
};

static void
make_options(const struct ping *p, struct estab_echo_options *o)
{
    estab_echo_options_init(o);
    o->ttl = p->options.ttl;
    o->dont_fragment = p->options.dont_fragment;
    o->broadcast = p->options.broadcast;
}

static void
stop(struct ping *p)
{
    p->over = true;
    estab_loop_stop(p->host.loop);
}

static void
give_up(struct ping *p, const char *why)
{
    p->status = 2;
    fflush(stdout);
    estab_command_error(&command, "%.200s: %.200s", p->name, why);
    p->asking = false;
    stop(p);
}

/* Octets that nobody knows in front, the rest counts up. */
static int
fill(struct ping *p, struct failure *why)
{
    uint8_t any[32];

    for (uint32_t i = 0; i < p->options.size; i++)
        p->data[i] = (uint8_t)i;
    if (estab_random_secret(any, why) < 0)
        return -1;
    memcpy(p->data, any, p->options.size < sizeof any ? p->options.size : sizeof any);
    return 0;
}

static bool
is_settled(const struct ping *p, uint64_t n)
{
    return n + 64 <= p->sent || (p->seen >> (p->sent - n) & 1) != 0;
}

/* The n-th request, from 1 on, needs no more patience. */
static void
settle(struct ping *p, uint64_t n)
{
    if (n == 0 || n > p->sent || is_settled(p, n))
        return;
    p->seen |= (uint64_t)1 << (p->sent - n);
    p->settled++;
}

/* The number of the last request with these 16 bits. */
static uint64_t
number_of(const struct ping *p, uint16_t seq)
{
    uint64_t back = (uint16_t)((uint16_t)p->sent - seq);

    return back < p->sent ? p->sent - back : 0;
}

static int
send_one(struct ping *p, estab_time now)
{
    struct failure why;
    int error;

    if (fill(p, &why) < 0) {
        give_up(p, why.text);
        return -1;
    }
    error = estab_echo_send(p->host.stack, p->echo, &p->to, (uint16_t)(p->sent + 1), p->data,
                            p->options.size, now);
    if (error == -ESTAB_EAGAIN)
        return error;
    p->sent++;
    p->seen <<= 1;
    p->last_at = now;
    p->report.sent++;
    if (error < 0) {
        estab_ping_refused(&p->report, p->sent, error);
        settle(p, p->sent);
    }
    return 0;
}

/* --- ping --- */

static void
patience_over(void *ctx, estab_time now)
{
    (void)now;
    stop(ctx);
}

/* As ping(8): a host that has answered is not waited for much longer than it has taken. */
static estab_time
patience_of(const struct ping *p)
{
    estab_time most = 2 * p->report.most;

    if (p->options.timeout_given || p->report.received == 0)
        return p->options.timeout;
    return most > p->options.interval ? most : p->options.interval;
}

static bool
is_done(const struct ping *p)
{
    return p->options.count != 0 && p->sent >= p->options.count && p->settled >= p->sent;
}

static void
send_next(void *ctx, estab_time now)
{
    struct ping *p = ctx;

    if (!p->asking || p->over)
        return;
    if (p->options.count == 0 || p->sent < p->options.count) {
        if (send_one(p, now) < 0 && p->over)
            return;
        p->next_at += p->options.interval;
        if (p->next_at <= now) /* we were held up: no burst */
            p->next_at = now + p->options.interval;
    }
    if (is_done(p)) {
        stop(p);
        return;
    }
    if (p->options.count != 0 && p->sent >= p->options.count)
        estab_loop_set_alarm(p->host.loop, &p->patience, p->last_at + patience_of(p), patience_over,
                             p);
    else
        estab_loop_set_alarm(p->host.loop, &p->next, p->next_at, send_next, p);
}

/* --- trace --- */

static void hop_over(void *ctx, estab_time now);

static void
ask_hop(struct ping *p, estab_time now)
{
    struct estab_echo_options o;

    p->probes = p->answers = 0;
    estab_ping_hop(&p->report, p->hop);
    make_options(p, &o);
    o.ttl = (uint8_t)p->hop;
    if (estab_echo_set_options(p->host.stack, p->echo, &o, now) < 0) {
        give_up(p, "a setting that cannot be");
        return;
    }
    for (; p->probes < PROBES; p->probes++)
        if (send_one(p, now) < 0 && p->over)
            return;
    estab_loop_set_alarm(p->host.loop, &p->patience, now + p->options.timeout, hop_over, p);
}

static void
hop_over(void *ctx, estab_time now)
{
    struct ping *p = ctx;

    if (p->over)
        return;
    estab_ping_hop_end(&p->report, PROBES);
    if (p->arrived || p->hop == HOPS_MAX) {
        stop(p);
        return;
    }
    p->hop++;
    ask_hop(p, now);
}

/* --- what comes back --- */

static void
take_message(struct ping *p, const struct estab_echo_message *m, estab_time now)
{
    uint64_t n = number_of(p, m->seq);

    if (p->options.trace) {
        if (n + PROBES <= p->sent || is_settled(p, n))
            return; /* of an earlier hop, or once more */
        estab_ping_hop_answer(&p->report, m);
        p->answers++;
        p->arrived = p->arrived || !estab_ping_is_on_the_way(m);
        settle(p, n);
        if (p->answers == PROBES)
            estab_loop_set_alarm(p->host.loop, &p->patience, now, hop_over, p);
        return;
    }
    estab_ping_answer(&p->report, m, n);
    settle(p, n);
    if (is_done(p))
        stop(p);
}

static void
event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct ping *p = ctx;
    struct estab_echo_message m;
    static uint8_t room[1];

    if (estab_dial_event(&p->dial, event, now))
        return;
    if (!p->asking || event->conn != p->echo)
        return;
    while (!p->over && estab_echo_receive(p->host.stack, p->echo, &m, room, 0, now) >= 0)
        take_message(p, &m, now);
}

static void
interrupted(void *ctx, estab_time now)
{
    (void)now;
    stop(ctx);
}

/* --- start --- */

static bool
is_link_local(const struct estab_addr *a)
{
    return a->family == ESTAB_INET6 && ((a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80) ||
                                        (a->bytes[0] == 0xff && (a->bytes[1] & 15) == 2));
}

/* Is there an address to ask from? IPv6 has one of its own for the link. */
static bool
has_source(const struct ping *p)
{
    struct estab_address_info a;
    uint64_t cursor = 0;

    while (estab_stack_next_address(p->host.stack, &cursor, &a))
        if (a.addr.family == p->to.family && is_link_local(&a.addr) == is_link_local(&p->to) &&
            (a.state == ESTAB_ADDRESS_PREFERRED || a.state == ESTAB_ADDRESS_DEPRECATED))
            return true;
    return estab_addr_is_loopback(&p->to);
}

static bool
has_way(const struct ping *p)
{
    struct estab_route_info r;
    uint64_t cursor = 0;

    while (estab_stack_next_route(p->host.stack, &cursor, &r)) {
        struct prefix prefix = { r.prefix, r.prefix_len };

        if (estab_prefix_contains(&prefix, &p->to))
            return true;
    }
    return estab_addr_is_loopback(&p->to) || estab_addr_is_multicast(&p->to);
}

/* On Ethernet addresses are probed, and IPv6 learns them and its ways from routers (RFC 4862): that
 * takes some seconds after the start. */
static bool
is_too_early(const struct ping *p, estab_time now)
{
    return p->ethernet && now < p->started_at + ESTAB_SEC(5) && !(has_source(p) && has_way(p));
}

static void
begin(void *ctx, estab_time now)
{
    struct ping *p = ctx;
    struct estab_echo_options o;
    int error;

    if (is_too_early(p, now)) {
        estab_loop_set_alarm(p->host.loop, &p->next, now + ESTAB_MS(50), begin, p);
        return;
    }
    if (p->to.family == ESTAB_INET && p->options.size > SIZE_MAX_4) {
        give_up(p, "over IPv4 at most 65507 octets (-s)");
        return;
    }
    p->report.address = p->to;
    p->report.size = p->options.size;
    make_options(p, &o);
    error = estab_echo_open(p->host.stack, p->to.family, &o, &p->echo, now);
    if (error < 0) {
        give_up(p, estab_err_text(error));
        return;
    }
    p->asking = true;
    p->started_at = p->next_at = now;
    estab_ping_begin(&p->report, now);
    if (p->options.trace) {
        p->hop = 1;
        ask_hop(p, now);
    } else {
        send_next(p, now);
    }
}

static void
resolved(void *ctx, const struct estab_addr *addr, estab_time now)
{
    struct ping *p = ctx;

    p->to = *addr;
    begin(p, now);
}

static void
not_resolved(void *ctx, const char *why, estab_time now)
{
    (void)now;
    give_up(ctx, why);
}

static int
start(struct ping *p, const struct options *options, struct failure *why)
{
    struct loop *loop = p->host.loop;
    estab_time now = estab_loop_now(loop);

    p->started_at = now;
    p->ethernet = options->tap || options->packet;
    if (p->options.deadline != 0)
        estab_loop_set_alarm(loop, &p->deadline, now + p->options.deadline, patience_over, p);
    if (p->to.family != ESTAB_UNSPEC) {
        estab_loop_set_alarm(loop, &p->next, now, begin, p);
        return 0;
    }
    p->dial.resolved = resolved;
    p->dial.failed = not_resolved;
    p->dial.ctx = p;
    return estab_dial_start(&p->dial, &p->host, options, p->name, 0, 0, why);
}

static int
check(struct ping *p, const struct options *options, int n, char **operands)
{
    char text[ESTAB_ADDR_TEXT];
    unsigned family;

    if (n != 1)
        return estab_usage_error(&command, "give one HOST");
    p->name = operands[0];
    if (estab_addr_parse(&p->to, p->name) < 0 && !estab_is_host_name(p->name))
        return estab_usage_error(&command, "%.200s: neither an address nor a name", p->name);
    family = p->to.family;
    if ((family == ESTAB_INET && options->only_ipv6) ||
        (family == ESTAB_INET6 && options->only_ipv4))
        return estab_usage_error(&command, "%s: not an IPv%c address, as -%c asks",
                                 estab_addr_format(&p->to, text), options->only_ipv4 ? '4' : '6',
                                 options->only_ipv4 ? '4' : '6');
    if (estab_addr_is_any(&p->to) && family != ESTAB_UNSPEC)
        return estab_usage_error(&command, "%s: nobody's address", p->name);
    if (p->options.trace && (p->options.count != 0 || p->options.ttl != 0))
        return estab_usage_error(&command, "--trace goes not with -c and -t");
    if (!p->options.size_given)
        p->options.size = 56;
    if (p->options.interval == 0)
        p->options.interval = ESTAB_SEC(1);
    if (p->options.timeout == 0)
        p->options.timeout = p->options.trace ? ESTAB_SEC(3) : ESTAB_SEC(10);
    return -1;
}

int
estab_cmd_ping(int argc, char **argv)
{
    static struct ping p;
    struct options options;
    struct failure why;
    int operands, status;

    status = estab_options_start(&command, &options, &p.options, argc, argv, &operands);
    if (status < 0)
        status = check(&p, &options, argc - operands, argv + operands);
    if (status < 0 && estab_addressing_check(&options, &why) < 0)
        status = estab_usage_error(&command, "%s", why.text);
    if (status >= 0)
        return status;
    if (estab_host_open(&p.host, &options, false, event, &p, &why) < 0) {
        estab_command_error(&command, "%s", why.text);
        return 2;
    }
    p.host.on_signal = interrupted;
    p.report = (struct ping_report){ .to = stdout,
                                     .name = p.name,
                                     .quiet = p.options.quiet,
                                     .json = p.options.json,
                                     .trace = p.options.trace };
    if (start(&p, &options, &why) < 0 || estab_host_run(&p.host, &why) < 0) {
        estab_command_error(&command, "%s", why.text);
        p.status = 2;
    }
    if (p.asking)
        estab_ping_end(&p.report, estab_loop_now(p.host.loop));
    if (p.status == 0)
        p.status = p.options.trace ? !p.arrived
                                   : p.report.received == 0 ||
                                         (p.options.deadline != 0 && p.options.count != 0 &&
                                          p.report.received < p.options.count);
    if (estab_host_close(&p.host, &why) < 0) {
        estab_command_error(&command, "%s", why.text);
        p.status = 2;
    }
    estab_dial_close(&p.dial);
    if ((fflush(stdout) != 0 || ferror(stdout)) && p.status != 2) {
        estab_command_error(&command, "cannot write to standard output");
        p.status = 2;
    }
    return p.status;
}
