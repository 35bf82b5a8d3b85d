/* SPDX-License-Identifier: MIT */
/*
 * Settings of the host under test: the string of --so_flags, and the file of NAME=VALUE lines that
 * stand-ins for sysctl(8) append to. Names are those of Linux (net.ipv4.*) and FreeBSD
 * (net.inet.tcp.*) that have a counterpart; the rest is passed over.
 */
#include "object.h"

#include "stack/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_VARIABLE "ESTAB_PACKETDRILL_SYSCTL"

/* ---- one setting at a time; false: the value cannot be ---- */

typedef bool take_fn(struct settings *set, const char *value);

static bool
number(const char *value, long long least, long long most, long long *out)
{
    char *end;

    *out = strtoll(value, &end, 0);
    while (*end == ' ' || *end == '\t')
        end++;
    return end != value && *end == '\0' && *out >= least && *out <= most;
}

/* A field of the configuration that is a flag. */
#define FLAG(name, field, most)                                                                    \
    static bool name(struct settings *set, const char *value)                                      \
    {                                                                                              \
        long long v;                                                                               \
                                                                                                   \
        if (!number(value, 0, most, &v))                                                           \
            return false;                                                                          \
        set->cfg.field = v != 0;                                                                   \
        return true;                                                                               \
    }
/* One that is a number. */
#define NUMBER(name, field, least, most)                                                           \
    static bool name(struct settings *set, const char *value)                                      \
    {                                                                                              \
        long long v;                                                                               \
                                                                                                   \
        if (!number(value, least, most, &v))                                                       \
            return false;                                                                          \
        set->cfg.field = (__typeof__(set->cfg.field))v;                                            \
        return true;                                                                               \
    }
/* One that is a time, given in `unit`. */
#define TIME(name, field, unit, least, most)                                                       \
    static bool name(struct settings *set, const char *value)                                      \
    {                                                                                              \
        long long v;                                                                               \
                                                                                                   \
        if (!number(value, least, most, &v))                                                       \
            return false;                                                                          \
        set->cfg.field = v * (unit);                                                               \
        return true;                                                                               \
    }

FLAG(take_timestamps, timestamps, 2)
FLAG(take_sack, sack, 1)
FLAG(take_rack, rack, 1) /* of tcp_recovery the first bit is RACK */
FLAG(take_scaling, window_scaling, 1)
FLAG(take_rfc1337, rfc1337, 1)
FLAG(take_overflow, accept_overflow_reset, 1)
NUMBER(take_cookies, syn_cookies, 0, 2)
NUMBER(take_synack_retries, syn_ack_retries, 0, 254)
NUMBER(take_r1, r1, 0, 255)
NUMBER(take_orphans, max_orphans, 0, UINT32_MAX)
NUMBER(take_ttl, tcp.ttl, 1, 255)
NUMBER(take_keepcnt, tcp.keepalive_count, 1, 255)
NUMBER(take_iw, initial_window, 1, 1000)
NUMBER(take_mss, tcp.max_segment, 48, 65495)
TIME(take_fin_timeout, fin_wait_2, ESTAB_SEC(1), 1, 100000)
TIME(take_fin_timeout_ms, fin_wait_2, ESTAB_MS(1), 1, 100000000)
TIME(take_keepidle, tcp.keepalive_idle, ESTAB_SEC(1), 1, 1000000)
TIME(take_keepidle_ms, tcp.keepalive_idle, ESTAB_MS(1), 1, 1000000000)
TIME(take_keepintvl, tcp.keepalive_interval, ESTAB_SEC(1), 1, 1000000)
TIME(take_keepintvl_ms, tcp.keepalive_interval, ESTAB_MS(1), 1, 1000000000)
TIME(take_keepinit_ms, syn_r2, ESTAB_MS(1), 1, 1000000000)
TIME(take_msl_ms, msl, ESTAB_MS(1), 1, 3600000)
TIME(take_delack_ms, delayed_ack, ESTAB_MS(1), 0, 499)
TIME(take_rto_min_ms, rto_min, ESTAB_MS(1), 1, 120000)
TIME(take_rto_min_us, rto_min, ESTAB_US(1), 1, 120000000)
TIME(take_rto_initial_ms, rto_initial, ESTAB_MS(1), 1, 120000)
TIME(take_challenge_ms, challenge_gap, ESTAB_MS(1), 0, 100000)

/* Linux: 0 off, 1 asks and answers, 2 answers. FreeBSD the same. */
static bool
take_ecn(struct settings *set, const char *value)
{
    static const uint8_t ecn[3] = { ESTAB_ECN_OFF, ESTAB_ECN_ASK, ESTAB_ECN_ANSWER };
    long long v;

    if (!number(value, 0, 2, &v))
        return false;
    set->cfg.ecn = ecn[v];
    set->cfg.accecn = false; /* what these values have always meant */
    return true;
}

/* FreeBSD: 0 neither, 1 both, 2 scaling alone, 3 timestamps alone. */
static bool
take_rfc1323(struct settings *set, const char *value)
{
    long long v;

    if (!number(value, 0, 3, &v))
        return false;
    set->cfg.window_scaling = v == 1 || v == 2;
    set->cfg.timestamps = v == 1 || v == 3;
    return true;
}

/* Sizes that the stack rounds down to a power of two, within its bounds. */
static uint32_t
size_of(long long v)
{
    return v < 1024 ? 1024 : v > 1 << 30 ? 1u << 30 : (uint32_t)v;
}

/* Linux: "least default most"; buffers grow to the most. One number: FreeBSD's space. */
static bool
take_sizes(const char *value, uint32_t *field)
{
    long long v[3];
    int n = sscanf(value, "%lld %lld %lld", &v[0], &v[1], &v[2]);

    if (n != 1 && n != 3)
        return false;
    *field = size_of(v[n - 1]);
    return true;
}

static bool
take_rmem(struct settings *set, const char *value)
{
    return take_sizes(value, &set->cfg.tcp.receive_buffer_max);
}

static bool
take_wmem(struct settings *set, const char *value)
{
    return take_sizes(value, &set->cfg.tcp.send_buffer_max);
}

/* The window scale follows from the buffer: one that needs just this shift. */
static bool
take_wscale(struct settings *set, const char *value)
{
    long long v;

    if (!number(value, 0, 14, &v))
        return false;
    set->cfg.tcp.receive_buffer_max = size_of(v == 0 ? 65535 : 49152LL << v);
    return true;
}

/* After n retransmissions of a SYN, the last one doubled once more. */
static bool
take_syn_retries(struct settings *set, const char *value)
{
    estab_time t = 0, rto = set->cfg.rto_initial;
    long long v;

    if (!number(value, 0, 127, &v))
        return false;
    for (; v >= 0; v--) {
        t += rto;
        rto = 2 * rto < set->cfg.rto_max ? 2 * rto : set->cfg.rto_max;
    }
    set->cfg.syn_r2 = t;
    return true;
}

/* Linux turns the number into a time, as if the RTO were the least one. */
static bool
take_r2(struct settings *set, const char *value)
{
    estab_time t = 0, rto = ESTAB_MS(200);
    long long v;

    if (!number(value, 0, 255, &v))
        return false;
    for (; v >= 0; v--) {
        t += rto;
        rto = 2 * rto < ESTAB_SEC(120) ? 2 * rto : ESTAB_SEC(120);
    }
    set->cfg.tcp.user_timeout = t;
    return true;
}

static bool
take_ports(struct settings *set, const char *value)
{
    unsigned least, most;

    if (sscanf(value, "%u %u", &least, &most) != 2 || least < 1 || most > 65535 || least > most)
        return false;
    set->cfg.port_min = (uint16_t)least;
    set->cfg.port_max = (uint16_t)most;
    return true;
}

static bool
take_cc(struct settings *set, const char *value)
{
    int cc = estab_cc_by_name(strcmp(value, "newreno") == 0 ? "reno" : value);

    if (cc < 0)
        return false;
    set->cfg.tcp.cc = (uint8_t)cc;
    return true;
}

/* FreeBSD: off means an ACK at once. */
static bool
take_delayed_ack(struct settings *set, const char *value)
{
    long long v;

    if (!number(value, 0, 1, &v))
        return false;
    set->cfg.tcp.quick_ack = v == 0;
    return true;
}

static bool
take_profile(struct settings *set, const char *value)
{
    if (estab_config_profile(&set->cfg, value) < 0)
        return false;
    if (strcmp(value, "linux") == 0) {
        set->cfg.tcp.receive_buffer_max = 6291456; /* tcp_rmem of Linux: a window scale of 7 */
        set->cfg.tcp.send_buffer_max = 4194304;
    }
    return true;
}

static bool
take_mtu(struct settings *set, const char *value)
{
    long long v;

    if (!number(value, 1280, 65535, &v))
        return false;
    set->mtu = (uint32_t)v;
    return true;
}

static bool
take_local(struct settings *set, const char *value)
{
    struct estab_addr a;

    if (estab_addr_parse(&a, value) < 0)
        return false;
    *(a.family == ESTAB_INET ? &set->local4 : &set->local6) = a;
    return true;
}

static bool
take_unread(struct settings *set, const char *value)
{
    set->unread_allowed = strcmp(value, "ignore") == 0;
    return set->unread_allowed || strcmp(value, "fail") == 0;
}

static bool
take_verbose(struct settings *set, const char *value)
{
    (void)value;
    set->verbose = true;
    return true;
}

struct name {
    const char *name;
    take_fn *take;
};

static const struct name flag_names[] = {
    { "profile", take_profile },  { "mss", take_mss },         { "mtu", take_mtu },
    { "wscale", take_wscale },    { "scaling", take_scaling }, { "sack", take_sack },
    { "ts", take_timestamps },    { "cc", take_cc },           { "iw", take_iw },
    { "ecn", take_ecn },          { "cookies", take_cookies }, { "rto_min", take_rto_min_ms },
    { "delack", take_delack_ms }, { "msl", take_msl_ms },      { "local", take_local },
    { "unread", take_unread },    { "verbose", take_verbose },
};

static const struct name sysctl_names[] = {
    { "net.ipv4.tcp_timestamps", take_timestamps },
    { "net.ipv4.tcp_sack", take_sack },
    { "net.ipv4.tcp_recovery", take_rack },
    { "net.ipv4.tcp_window_scaling", take_scaling },
    { "net.ipv4.tcp_ecn", take_ecn },
    { "net.ipv4.tcp_rfc1337", take_rfc1337 },
    { "net.ipv4.tcp_abort_on_overflow", take_overflow },
    { "net.ipv4.tcp_syncookies", take_cookies },
    { "net.ipv4.tcp_syn_retries", take_syn_retries },
    { "net.ipv4.tcp_synack_retries", take_synack_retries },
    { "net.ipv4.tcp_retries1", take_r1 },
    { "net.ipv4.tcp_retries2", take_r2 },
    { "net.ipv4.tcp_fin_timeout", take_fin_timeout },
    { "net.ipv4.tcp_keepalive_time", take_keepidle },
    { "net.ipv4.tcp_keepalive_intvl", take_keepintvl },
    { "net.ipv4.tcp_keepalive_probes", take_keepcnt },
    { "net.ipv4.tcp_rmem", take_rmem },
    { "net.ipv4.tcp_wmem", take_wmem },
    { "net.ipv4.tcp_max_orphans", take_orphans },
    { "net.ipv4.tcp_congestion_control", take_cc },
    { "net.ipv4.tcp_invalid_ratelimit", take_challenge_ms },
    { "net.ipv4.tcp_rto_min_us", take_rto_min_us },
    { "net.ipv4.ip_local_port_range", take_ports },
    { "net.ipv4.ip_default_ttl", take_ttl },
    { "net.inet.tcp.rfc1323", take_rfc1323 },
    { "net.inet.tcp.sack.enable", take_sack },
    { "net.inet.tcp.ecn.enable", take_ecn },
    { "net.inet.tcp.syncookies", take_cookies },
    { "net.inet.tcp.recvspace", take_rmem },
    { "net.inet.tcp.recvbuf_max", take_rmem },
    { "net.inet.tcp.sendspace", take_wmem },
    { "net.inet.tcp.sendbuf_max", take_wmem },
    { "net.inet.tcp.msl", take_msl_ms },
    { "net.inet.tcp.keepidle", take_keepidle_ms },
    { "net.inet.tcp.keepintvl", take_keepintvl_ms },
    { "net.inet.tcp.keepcnt", take_keepcnt },
    { "net.inet.tcp.keepinit", take_keepinit_ms },
    { "net.inet.tcp.finwait2_timeout", take_fin_timeout_ms },
    { "net.inet.tcp.rexmit_min", take_rto_min_ms },
    { "net.inet.tcp.rexmit_initial", take_rto_initial_ms },
    { "net.inet.tcp.delacktime", take_delack_ms },
    { "net.inet.tcp.delayed_ack", take_delayed_ack },
    { "net.inet.tcp.initcwnd_segments", take_iw },
    { "net.inet.tcp.cc.algorithm", take_cc },
    { "net.inet.ip.ttl", take_ttl },
};

static const struct name *
find(const struct name *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- flags ---- */

/* "profile=linux,mss=1460,verbose" */
void
pd_settings_init(struct settings *set, const char *flags)
{
    char *copy, *word, *rest;

    memset(set, 0, sizeof(*set));
    estab_config_init(&set->cfg);
    set->mtu = 1500;
    if (!take_local(set, "192.168.0.1") || !take_local(set, "fd3d:fa7b:d17d::1") ||
        !take_profile(set, "linux"))
        pd_fail("the built-in settings are bad");
    copy = strdup(flags != NULL ? flags : "");
    if (copy == NULL)
        pd_fail("no memory");
    for (word = strtok_r(copy, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(word, '=');
        const struct name *n;

        if (value != NULL)
            *value++ = '\0';
        n = find(flag_names, COUNT(flag_names), word);
        if (n == NULL)
            pd_fail("--so_flags: no such flag: %s", word);
        if (!n->take(set, value != NULL ? value : ""))
            pd_fail("--so_flags: %s cannot be '%s'", word, value != NULL ? value : "");
    }
    free(copy);
}

/* ---- the sysctl file ---- */

static char *
trimmed(char *s)
{
    char *end;

    s += strspn(s, " \t");
    for (end = s + strlen(s); end > s && strchr(" \t\r\n\"'", end[-1]) != NULL; end--)
        end[-1] = '\0';
    return s + strspn(s, "\"'");
}

static void
take_line(struct settings *set, char *line)
{
    char *value = strchr(line, '='), *name;
    const struct name *n;

    if (value == NULL)
        return;
    *value++ = '\0';
    name = trimmed(line);
    value = trimmed(value);
    n = find(sysctl_names, COUNT(sysctl_names), name);
    if (n != NULL && n->take(set, value))
        return;
    if (set->verbose)
        fprintf(stderr, "estab: %s=%s: %s\n", name, value,
                n == NULL ? "passed over, there is no counterpart" : "passed over, a bad value");
}

bool
pd_settings_read(struct settings *set)
{
    const char *path = getenv(FILE_VARIABLE);
    FILE *f = path != NULL ? fopen(path, "r") : NULL;
    char line[512];
    long at = set->sysctl_read;

    if (f == NULL)
        return false;
    if (fseek(f, set->sysctl_read, SEEK_SET) == 0)
        while (fgets(line, sizeof(line), f) != NULL) {
            take_line(set, line);
            set->sysctl_read = ftell(f);
        }
    fclose(f);
    return set->sysctl_read != at;
}

/* The stack works from its own copy of the configuration; what was built from it stays. */
void
pd_settings_apply(struct object *o)
{
    struct estab_config *cfg = &o->stack->cfg;
    struct estab_config to = o->set.cfg;

    memcpy(to.secret, cfg->secret, sizeof(to.secret));
    to.alloc = cfg->alloc;
    *cfg = to;
    estab_sock_host_defaults(o->host, &to.tcp);
}
