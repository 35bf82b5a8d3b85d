/* SPDX-License-Identifier: MIT */
/* Settings by name; see knobs.h. Whether a value is in range the stack says itself. */
#include "cli/knobs.h"
#include "cli/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum kind {
    TIME,
    TIME_OR_0,
    TIME_OR_NEVER,
    NUMBER,
    SWITCH,
    CC,
    ECN,
    COOKIES,
};

struct knob {
    const char *name;
    const char *help;
    enum kind kind;
    bool fixed; /* what the host was made of */
    size_t at, size;
};

#define ANY_KNOB(name, kind, fixed, field, help)                                                   \
    {                                                                                              \
        name, help, kind, fixed, offsetof(struct estab_config, field),                             \
            sizeof(((struct estab_config *)0)->field)                                              \
    }
#define KNOB(name, kind, field, help) ANY_KNOB(name, kind, false, field, help)
#define FIXED(name, kind, field, help) ANY_KNOB(name, kind, true, field, help)

/* clang-format off */
static const struct knob knobs[] = {
    KNOB("rto-initial",        TIME,   rto_initial,            "first retransmission of a SYN"),
    KNOB("rto-min",            TIME,   rto_min,                "least retransmission timeout"),
    KNOB("rto-max",            TIME,   rto_max,                "greatest retransmission timeout"),
    KNOB("rto-slack",          TIME_OR_0, rto_slack,           "the timeout is so much more than the round trip"),
    KNOB("r1",                 NUMBER, r1,                     "retransmissions before IP is told"),
    KNOB("syn-r2",             TIME,   syn_r2,                 "an active OPEN is given up"),
    KNOB("syn-ack-retries",    NUMBER, syn_ack_retries,        "SYN,ACKs sent again"),
    KNOB("delayed-ack",        TIME_OR_0, delayed_ack,            "an ACK waits at most"),
    KNOB("fin-wait-2",         TIME,   fin_wait_2,             "an orphan waits for a FIN"),
    KNOB("orphan-timeout",     TIME,   orphan_timeout,         "an orphan without progress"),
    KNOB("user-timeout",       TIME_OR_NEVER, tcp.user_timeout,       "unacknowledged text is given up"),
    KNOB("user-timeout-option", SWITCH, tcp.user_timeout_option, "tell it to peers, and hear theirs"),
    KNOB("user-timeout-min",   TIME,   user_timeout_min,       "what a peer may ask for"),
    KNOB("user-timeout-max",   TIME,   user_timeout_max,       "what a peer may ask for"),
    KNOB("sws-override",       TIME,   sws_override,           "a small segment waits at most"),
    KNOB("initial-window",     NUMBER, initial_window,         "segments"),
    KNOB("cc",                 CC,     tcp.cc,                 "congestion control"),
    KNOB("pacing",             SWITCH, tcp.pacing,             "text leaves spread over the round trip"),
    KNOB("cwnd-validation",    SWITCH, cwnd_validation,        "a window once used stays 5 minutes"),
    KNOB("ecn",                ECN,    ecn,                    "off, answer, ask"),
    KNOB("accecn",             SWITCH, accecn,                 "with ECN: accurate feedback"),
    KNOB("path-mtu-probing",   SWITCH, path_mtu_probing,       "black holes, and larger packets again"),
    KNOB("syn-cookies",        COOKIES, syn_cookies,           "never, when-full, always"),
    KNOB("accept-overflow-reset", SWITCH, accept_overflow_reset, "a full accept queue resets"),
    KNOB("timestamps",         SWITCH, timestamps,             "of new connections"),
    KNOB("window-scaling",     SWITCH, window_scaling,         "of new connections"),
    KNOB("sack",               SWITCH, sack,                   "of new connections"),
    KNOB("rack",               SWITCH, rack,                   "losses found by time; off: by number"),
    KNOB("rfc1337",            SWITCH, rfc1337,                "TIME-WAIT ignores RST"),
    KNOB("time-wait-reuse",    SWITCH, time_wait_reuse,        "an OPEN may end a TIME-WAIT"),
    KNOB("challenge-gap",      TIME_OR_0, challenge_gap,          "between two challenge ACKs"),
    KNOB("keepalive",          SWITCH, tcp.keepalive,          "silent peers are probed"),
    KNOB("keepalive-idle",     TIME,   tcp.keepalive_idle,     "after this silence"),
    KNOB("keepalive-interval", TIME,   tcp.keepalive_interval, "that often"),
    KNOB("keepalive-count",    NUMBER, tcp.keepalive_count,    "probes without answer"),
    KNOB("nodelay",            SWITCH, tcp.nodelay,            "no Nagle"),
    KNOB("quick-ack",          SWITCH, tcp.quick_ack,          "no delayed ACKs"),
    KNOB("cork",               SWITCH, tcp.cork,               "no small segments"),
    KNOB("ttl",                NUMBER, tcp.ttl,                "or hop limit"),
    KNOB("dscp",               NUMBER, tcp.dscp,               "differentiated services, 0 to 63"),
    KNOB("max-segment",        NUMBER, tcp.max_segment,        "octets; 0: what the link takes"),
    KNOB("send-buffer",        NUMBER, tcp.send_buffer_max,    "octets"),
    KNOB("receive-buffer",     NUMBER, tcp.receive_buffer_max, "octets"),
    KNOB("max-orphans",        NUMBER, max_orphans,            "beyond it they are reset"),
    KNOB("rst-per-second",     NUMBER, rst_per_second,         "to segments of nobody"),
    KNOB("icmp-per-second",    NUMBER, icmp_per_second,        "answers"),
    KNOB("icmp-per-destination", NUMBER, icmp_per_destination, "errors to one address, a second"),
    KNOB("arp-per-second",     NUMBER, arp_per_second,         "answers to ARP and solicitations"),
    KNOB("port-min",           NUMBER, port_min,               "the ports chosen by the host"),
    KNOB("port-max",           NUMBER, port_max,               "the ports chosen by the host"),
    KNOB("strong-host",        SWITCH, strong_host,            "addresses answer on their own interface"),
    KNOB("accept-redirects",   SWITCH, accept_redirects,       "a router may name a better way"),
    KNOB("dad-transmits",      NUMBER, dad_transmits,          "probes before an address is used"),
    KNOB("reassembly-bytes",   NUMBER, reassembly_bytes,       "of memory for fragments"),
    KNOB("udp-ttl",            NUMBER, udp.ttl,                "or hop limit, of new endpoints"),
    KNOB("udp-multicast-ttl",  NUMBER, udp.multicast_ttl,      "to groups, of new endpoints"),
    KNOB("udp-dont-fragment",  SWITCH, udp.dont_fragment,      "too large is refused, of new endpoints"),
    KNOB("udp-receive-bytes",  NUMBER, udp.receive_bytes_max,  "of a queue, of new endpoints"),
    KNOB("udp-receive-count",  NUMBER, udp.receive_count_max,  "datagrams of a queue, of new endpoints"),
    FIXED("reassembly-time-4", TIME,   reassembly_timeout_4,   "fragments of IPv4 wait for the others"),
    FIXED("reassembly-time-6", TIME,   reassembly_timeout_6,   "fragments of IPv6 wait for the others"),
    FIXED("max-reassemblies",  NUMBER, max_reassemblies,       "datagrams of which fragments are held"),
    FIXED("max-fragments",     NUMBER, max_fragments,          "of one datagram"),
    FIXED("memory-budget",     NUMBER, memory_budget,          "octets, everything counted"),
    FIXED("max-connections",   NUMBER, max_connections,        "beyond it none is opened"),
    FIXED("max-half-open",     NUMBER, max_half_open,          "beyond it cookies"),
    FIXED("max-time-wait",     NUMBER, max_time_wait,          "beyond it the oldest ends"),
    FIXED("max-listeners",     NUMBER, max_listeners,          "beyond it none is opened"),
    FIXED("max-udp",           NUMBER, max_udp,                "UDP endpoints"),
    FIXED("max-echo",          NUMBER, max_echo,               "echo endpoints, up to 256"),
    FIXED("max-paths",         NUMBER, max_paths,              "destinations with a path narrower than its link"),
    FIXED("max-neighbours",    NUMBER, max_neighbours,         "known on the links"),
    FIXED("max-unresolved-neighbours", NUMBER, max_unresolved_neighbours, "asked for"),
    FIXED("neighbour-queue-bytes", NUMBER, neighbour_queue_bytes, "of packets that wait for neighbours"),
};
/* clang-format on */

enum { N_KNOBS = sizeof knobs / sizeof knobs[0] };

/* By kind: the words of the numbers 0, 1 and 2. */
static const char *const ecn_words[] = { "off", "answer", "ask" };
static const char *const cookie_words[] = { "never", "when-full", "always" };

const char *
estab_knob_name(size_t i)
{
    return i < N_KNOBS ? knobs[i].name : NULL;
}

const char *
estab_knob_help(size_t i)
{
    return i < N_KNOBS ? knobs[i].help : NULL;
}

static uint64_t
read_number(const struct knob *k, const struct estab_config *cfg)
{
    const void *at = (const char *)cfg + k->at;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    estab_time t;

    switch (k->size) {
    case 1:
        memcpy(&u8, at, 1);
        return u8;
    case 2:
        memcpy(&u16, at, 2);
        return u16;
    case 4:
        memcpy(&u32, at, 4);
        return u32;
    default:
        memcpy(&t, at, 8);
        return (uint64_t)t;
    }
}

static void
write_number(const struct knob *k, struct estab_config *cfg, uint64_t value)
{
    void *at = (char *)cfg + k->at;
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    estab_time t = (estab_time)value;

    if (k->size == 1)
        memcpy(at, &u8, 1);
    else if (k->size == 2)
        memcpy(at, &u16, 2);
    else if (k->size == 4)
        memcpy(at, &u32, 4);
    else
        memcpy(at, &t, 8);
}

/* In the largest unit that leaves no rest. */
static void
format_time(uint64_t t, char buf[KNOB_TEXT])
{
    if (t == (uint64_t)ESTAB_NEVER)
        snprintf(buf, KNOB_TEXT, "never");
    else if (t % 1000000000 == 0)
        snprintf(buf, KNOB_TEXT, "%" PRIu64 "s", t / 1000000000);
    else
        snprintf(buf, KNOB_TEXT, "%" PRIu64 "ms", t / 1000000);
}

char *
estab_knob_format(size_t i, const struct estab_config *cfg, char buf[KNOB_TEXT])
{
    const struct knob *k = &knobs[i];
    uint64_t value = read_number(k, cfg);

    switch (k->kind) {
    case TIME:
    case TIME_OR_0:
    case TIME_OR_NEVER:
        format_time(value, buf);
        break;
    case NUMBER:
        snprintf(buf, KNOB_TEXT, "%" PRIu64, value);
        break;
    case SWITCH:
        snprintf(buf, KNOB_TEXT, "%s", value != 0 ? "on" : "off");
        break;
    case CC:
        snprintf(buf, KNOB_TEXT, "%s", estab_cc_name((unsigned)value));
        break;
    case ECN:
        snprintf(buf, KNOB_TEXT, "%s", value < 3 ? ecn_words[value] : "?");
        break;
    case COOKIES:
        snprintf(buf, KNOB_TEXT, "%s", value < 3 ? cookie_words[value] : "?");
        break;
    }
    return buf;
}

static int
parse_time(const struct knob *k, const char *text, uint64_t *value, struct failure *why)
{
    estab_time t = 0;

    if (k->kind == TIME_OR_NEVER && strcmp(text, "never") == 0)
        t = ESTAB_NEVER;
    else if (!(k->kind == TIME_OR_0 && (strcmp(text, "0") == 0 || strcmp(text, "0s") == 0)) &&
             !estab_parse_duration(text, &t))
        return estab_fail(why, "%s: not a duration, such as 30, 0.5 or 200ms", k->name);
    *value = (uint64_t)t;
    return 0;
}

/* One of three words. */
static int
parse_word(const struct knob *k, const char *text, const char *const words[3], uint64_t *value,
           struct failure *why)
{
    for (*value = 0; *value < 3; (*value)++)
        if (strcmp(text, words[*value]) == 0)
            return 0;
    return estab_fail(why, "%s: not one of %s, %s, %s", k->name, words[0], words[1], words[2]);
}

static int
parse_value(const struct knob *k, const char *text, uint64_t *value, struct failure *why)
{
    int cc;

    switch (k->kind) {
    case TIME:
    case TIME_OR_0:
    case TIME_OR_NEVER:
        return parse_time(k, text, value, why);
    case NUMBER:
        if (!estab_parse_number(text, 0,
                                k->size == 1   ? UINT8_MAX
                                : k->size == 2 ? UINT16_MAX
                                : k->size == 4 ? UINT32_MAX
                                               : INT64_MAX,
                                value))
            return estab_fail(why, "%s: not a number, or too large", k->name);
        return 0;
    case SWITCH:
        if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
            return estab_fail(why, "%s: neither on nor off", k->name);
        *value = strcmp(text, "on") == 0;
        return 0;
    case CC:
        cc = estab_cc_by_name(text);
        if (cc < 0)
            return estab_fail(why, "%s: no such congestion control", k->name);
        *value = (uint64_t)cc;
        return 0;
    case ECN:
        return parse_word(k, text, ecn_words, value, why);
    case COOKIES:
        break;
    }
    return parse_word(k, text, cookie_words, value, why);
}

bool
estab_knob_is_fixed(const char *name)
{
    for (size_t i = 0; i < N_KNOBS; i++)
        if (strcmp(knobs[i].name, name) == 0)
            return knobs[i].fixed;
    return false;
}

int
estab_knob_set_text(struct estab_config *cfg, const char *text, struct failure *why)
{
    const char *value = strchr(text, '=');
    char name[KNOB_TEXT];

    if (value == NULL)
        return estab_fail(why, "not NAME=VALUE");
    snprintf(name, sizeof name, "%.*s", (int)(value - text < KNOB_TEXT ? value - text : KNOB_TEXT),
             text);
    return estab_knob_set(cfg, name, value + 1, why);
}

int
estab_knob_set(struct estab_config *cfg, const char *name, const char *value, struct failure *why)
{
    uint64_t number;

    for (size_t i = 0; i < N_KNOBS; i++) {
        if (strcmp(knobs[i].name, name) != 0)
            continue;
        if (parse_value(&knobs[i], value, &number, why) < 0)
            return -1;
        write_number(&knobs[i], cfg, number);
        return 0;
    }
    return estab_fail(why, "there is no such knob (estab set lists them)");
}
