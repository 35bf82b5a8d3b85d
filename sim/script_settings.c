/* SPDX-License-Identifier: MIT */
/* See script_settings.h; what each setting means stands in include/estab/config.h. */
#include "sim/script_settings.h"

#include "sim/clock.h"

#include <string.h>

enum setting_type { IS_TIME, IS_BOOL, IS_U8, IS_U32, IS_SIZE, IS_COOKIES, IS_ECN, IS_PORT, IS_CC };

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;
};

#define TCP(name, type, field)                                                                     \
    {                                                                                              \
        name, type, offsetof(struct estab_tcp_options, field)                                      \
    }
static const struct setting tcp_settings[] = {
    TCP("keepalive", IS_BOOL, keepalive),
    TCP("keepalive-idle", IS_TIME, keepalive_idle),
    TCP("keepalive-interval", IS_TIME, keepalive_interval),
    TCP("keepalive-count", IS_U32, keepalive_count),
    TCP("keepalive-garbage", IS_BOOL, keepalive_garbage),
    TCP("nodelay", IS_BOOL, nodelay),
    TCP("ttl", IS_U8, ttl),
    TCP("user-timeout", IS_TIME, user_timeout),
    TCP("send-buffer-start", IS_U32, send_buffer),
    TCP("receive-buffer-start", IS_U32, receive_buffer),
    TCP("send-buffer", IS_U32, send_buffer_max),
    TCP("receive-buffer", IS_U32, receive_buffer_max),
    TCP("cc", IS_CC, cc),
    TCP("quick-ack", IS_BOOL, quick_ack),
    TCP("cork", IS_BOOL, cork),
};
enum { TCP_SETTINGS = sizeof tcp_settings / sizeof tcp_settings[0] };

#define CFG(name, type, field)                                                                     \
    {                                                                                              \
        name, type, offsetof(struct estab_config, field)                                           \
    }
static const struct setting host_settings[] = {
    CFG("msl", IS_TIME, msl),
    CFG("rto-initial", IS_TIME, rto_initial),
    CFG("rto-min", IS_TIME, rto_min),
    CFG("rto-slack", IS_TIME, rto_slack),
    CFG("rto-max", IS_TIME, rto_max),
    CFG("syn-r2", IS_TIME, syn_r2),
    CFG("syn-ack-retries", IS_U32, syn_ack_retries),
    CFG("delayed-ack", IS_TIME, delayed_ack),
    CFG("fin-wait-2", IS_TIME, fin_wait_2),
    CFG("initial-window", IS_U32, initial_window),
    CFG("timestamps", IS_BOOL, timestamps),
    CFG("window-scaling", IS_BOOL, window_scaling),
    CFG("sack", IS_BOOL, sack),
    CFG("rack", IS_BOOL, rack),
    CFG("rfc1337", IS_BOOL, rfc1337),
    CFG("syn-cookies", IS_COOKIES, syn_cookies),
    CFG("accept-overflow-reset", IS_BOOL, accept_overflow_reset),
    CFG("ecn", IS_ECN, ecn),
    CFG("accecn", IS_BOOL, accecn),
    CFG("cwnd-validation", IS_BOOL, cwnd_validation),
    CFG("timestamp-tick", IS_TIME, timestamp_tick),
    CFG("challenge-gap", IS_TIME, challenge_gap),
    CFG("memory-budget", IS_SIZE, memory_budget),
    CFG("max-connections", IS_U32, max_connections),
    CFG("max-half-open", IS_U32, max_half_open),
    CFG("max-time-wait", IS_U32, max_time_wait),
    CFG("max-orphans", IS_U32, max_orphans),
    CFG("max-listeners", IS_U32, max_listeners),
    CFG("port-min", IS_PORT, port_min),
    CFG("port-max", IS_PORT, port_max),
    CFG("rst-per-second", IS_U32, rst_per_second),
    CFG("icmp-per-second", IS_U32, icmp_per_second),
};
enum { HOST_SETTINGS = sizeof host_settings / sizeof host_settings[0] };

static bool
read_choice(struct sim_word w, const char *const names[3], uint8_t *out)
{
    for (uint8_t i = 0; i < 3; i++) {
        if (sim_word_is(w, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Reads `value` into the field at `at`; NULL, or what would have been right. */
static const char *
read_value(enum setting_type type, struct sim_word value, void *at)
{
    static const char *const cookies[3] = { "never", "when-full", "always" };
    static const char *const ecn[3] = { "off", "answer", "ask" };
    static const char *const cc[3] = { "reno", "cubic", "bbr" };
    estab_time time;
    uint64_t n;
    bool on;

    switch (type) {
    case IS_TIME:
        if (sim_word_is(value, "never"))
            time = ESTAB_NEVER;
        else if (!sim_word_duration(value, &time))
            return "a time such as 30s, 10ms or 2h12m30s";
        memcpy(at, &time, sizeof time);
        return NULL;
    case IS_BOOL:
        on = sim_word_is(value, "on");
        if (!on && !sim_word_is(value, "off"))
            return "`on` or `off`";
        memcpy(at, &on, sizeof on);
        return NULL;
    case IS_COOKIES:
        return read_choice(value, cookies, at) ? NULL : "`never`, `when-full` or `always`";
    case IS_ECN:
        return read_choice(value, ecn, at) ? NULL : "`off`, `answer` or `ask`";
    case IS_CC:
        return read_choice(value, cc, at) ? NULL : "`reno`, `cubic` or `bbr`";
    case IS_U8:
    case IS_PORT:
    case IS_U32:
    case IS_SIZE:
        break;
    }
    if (!sim_word_number(value, type == IS_U8 ? 255 : type == IS_PORT ? 65535 : INT32_MAX, &n))
        return type == IS_U8     ? "a number up to 255"
               : type == IS_PORT ? "a port, 0 to 65535"
                                 : "a number up to 2147483647";
    if (type == IS_U8) {
        *(uint8_t *)at = (uint8_t)n;
    } else if (type == IS_PORT) {
        const uint16_t port = (uint16_t)n;

        memcpy(at, &port, sizeof port);
    } else if (type == IS_SIZE) {
        const size_t size = (size_t)n;

        memcpy(at, &size, sizeof size);
    } else {
        const uint32_t number = (uint32_t)n;

        memcpy(at, &number, sizeof number);
    }
    return NULL;
}

bool
sim_take_key(struct sim_cursor *c, const char *name, struct sim_word *value)
{
    struct sim_word w = sim_peek(c);
    size_t len = strlen(name);

    if (w.len <= len || memcmp(w.s, name, len) != 0 || w.s[len] != '=')
        return false;
    sim_skip(c, len + 1);
    *value = sim_peek(c);
    return true;
}

/* 1: taken; 0: none of these; -1: told what is wrong. */
static int
take_setting(struct sim_cursor *c, const struct setting *table, unsigned n, void *base,
             unsigned *which)
{
    for (unsigned i = 0; i < n; i++) {
        struct sim_word value;
        const char *wanted;

        if (!sim_take_key(c, table[i].name, &value))
            continue;
        wanted = read_value(table[i].type, value, (char *)base + table[i].offset);
        if (wanted != NULL) {
            sim_expected(c, wanted);
            return -1;
        }
        sim_skip(c, value.len);
        *which = i;
        return 1;
    }
    return 0;
}

bool
sim_setting_tcp(struct sim_cursor *c, struct estab_tcp_options *options, uint32_t *given)
{
    unsigned which = 0;
    int taken = take_setting(c, tcp_settings, TCP_SETTINGS, options, &which);

    if (taken > 0)
        *given |= 1u << which;
    return taken > 0 || (taken == 0 && sim_expected(c, "a setting of a connection, such as "
                                                       "nodelay=on or keepalive=on"));
}

static bool
take_profile(struct sim_cursor *c, struct estab_config *cfg, struct sim_word value)
{
    static const char *const names[] = { "rfc", "linux", "bsd", "lan", "tiny" };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sim_word_is(value, names[i]) && estab_config_profile(cfg, names[i]) == 0) {
            sim_skip(c, value.len);
            return true;
        }
    }
    return sim_expected(c, "a profile: rfc, linux, bsd, lan or tiny");
}

/* "200ppm" or "-200ppm" */
static bool
take_drift(struct sim_cursor *c, struct sim_script_host *host, struct sim_word value)
{
    bool loses = value.len > 0 && value.s[0] == '-';
    struct sim_word digits = { value.s + loses, value.len - loses };
    uint64_t n;

    if (digits.len < 4 || memcmp(digits.s + digits.len - 3, "ppm", 3) != 0)
        return sim_expected(c,
                            "what the clock gains or loses in a million, such as 50ppm or -50ppm");
    digits.len -= 3;
    if (!sim_word_number(digits, SIM_DRIFT_MAX, &n))
        return sim_expected(c, "at most 100000ppm either way");
    host->drift_ppm = loses ? -(int32_t)n : (int32_t)n;
    sim_skip(c, value.len);
    return true;
}

bool
sim_setting_host(struct sim_cursor *c, struct sim_script_host *host)
{
    struct estab_config *cfg = &host->cfg;
    struct sim_word value;
    unsigned which;
    int taken;

    if (sim_take_key(c, "profile", &value))
        return take_profile(c, cfg, value);
    if (sim_take_key(c, "drift", &value))
        return take_drift(c, host, value);
    taken = take_setting(c, host_settings, HOST_SETTINGS, cfg, &which);
    if (taken == 0)
        taken = take_setting(c, tcp_settings, TCP_SETTINGS, &cfg->tcp, &which);
    return taken > 0 ||
           (taken == 0 && sim_expected(c, "a setting of a host, such as msl=30s or profile=linux"));
}

bool
sim_setting_link(struct sim_cursor *c, struct sim_script_link *link)
{
    struct sim_word value;
    uint64_t n;

    if (sim_take_key(c, "delay", &value)) {
        if (!sim_word_duration(value, &link->cfg.delay))
            return sim_expected(c, "a time such as 10ms");
    } else if (sim_take_key(c, "mtu", &value)) {
        if (!sim_word_number(value, 65535, &n) || n < 68)
            return sim_expected(c, "an MTU, 68 to 65535 octets");
        link->mtu = (uint32_t)n;
    } else if (sim_take_key(c, "path-mtu", &value)) {
        if (!sim_word_number(value, 65535, &n) || n < 68)
            return sim_expected(c, "an MTU, 68 to 65535 octets");
        link->cfg.path_mtu = (uint32_t)n;
    } else if (sim_take_key(c, "loss", &value)) {
        struct sim_word percent = { value.s, value.len - 1 };

        if (value.len < 2 || value.s[value.len - 1] != '%' || !sim_word_number(percent, 100, &n))
            return sim_expected(c, "a percentage such as 5%");
        link->cfg.faults.loss_ppm = (uint32_t)n * (SIM_PPM / 100);
        link->cfg.heal_at = ESTAB_NEVER;
    } else if (sim_take_key(c, "rate", &value)) {
        struct sim_word digits = { value.s, value.len };
        uint64_t unit = 1;

        if (value.len > 1 && (value.s[value.len - 1] == 'k' || value.s[value.len - 1] == 'M')) {
            unit = value.s[value.len - 1] == 'k' ? 1000 : 1000000;
            digits.len--;
        }
        if (!sim_word_number(digits, 100000000000u / unit, &n) || n * unit < 1000)
            return sim_expected(c, "bits per second, 1k to 100000M, such as 10M");
        link->cfg.bits_per_second = n * unit;
        if (link->cfg.queue_max == 0)
            link->cfg.queue_max = ESTAB_MS(100);
    } else if (sim_take_key(c, "queue", &value)) {
        if (!sim_word_duration(value, &link->cfg.queue_max) || link->cfg.queue_max == 0)
            return sim_expected(c, "how long a packet may wait, such as 50ms");
    } else if (sim_take_key(c, "kind", &value)) {
        if (!sim_word_is(value, "ip") && !sim_word_is(value, "ethernet"))
            return sim_expected(c, "ip or ethernet");
        link->cfg.ethernet = value.s[0] == 'e';
    } else if (sim_take_key(c, "ip", &value)) {
        if (!sim_word_is(value, "4") && !sim_word_is(value, "6"))
            return sim_expected(c, "4 or 6");
        link->v6 = value.s[0] == '6';
    } else {
        return sim_expected(c, "a setting of a link: delay, rate, queue, mtu, path-mtu, loss, ip "
                               "or kind");
    }
    sim_skip(c, value.len);
    return true;
}

void
sim_settings_copy(struct estab_tcp_options *to, const struct estab_tcp_options *from,
                  uint32_t given)
{
    static const uint8_t size[] = {
        [IS_TIME] = sizeof(estab_time),
        [IS_BOOL] = sizeof(bool),
        [IS_U8] = 1,
        [IS_U32] = sizeof(uint32_t),
        [IS_CC] = 1,
    };

    for (unsigned i = 0; i < TCP_SETTINGS; i++)
        if ((given >> i & 1) != 0)
            memcpy((char *)to + tcp_settings[i].offset, (const char *)from + tcp_settings[i].offset,
                   size[tcp_settings[i].type]);
}
