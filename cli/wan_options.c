/* SPDX-License-Identifier: MIT */
/* See wan_options.h. */
#include "cli/wan_options.h"
#include "cli/numbers.h"

#include <stdarg.h>
#include <string.h>

/* --- numbers --- */

/* "12.5" times `unit`, which is a multiple of 10^6 or the text has no such fraction. */
static bool
parse_scaled(const char *text, uint64_t unit, uint64_t max, uint64_t *out)
{
    size_t whole_len = strspn(text, "0123456789"), n = 0;
    uint64_t whole, fraction = 0, scale = 1;

    if (!estab_parse_digits(text, whole_len, max / unit, &whole))
        return false;
    text += whole_len;
    if (*text == '.') {
        n = strspn(++text, "0123456789");
        if (n > 6 || !estab_parse_digits(text, n, 999999, &fraction))
            return false;
        text += n;
    }
    for (size_t i = 0; i < n; i++)
        scale *= 10;
    *out = whole * unit + unit * fraction / scale;
    return *text == '\0' && *out <= max;
}

/* The same with one of the units behind the number. */
struct unit {
    const char *name;
    uint64_t size;
};

static bool
parse_with_unit(const char *text, const struct unit *units, size_t n, uint64_t max, uint64_t *out,
                size_t *which)
{
    size_t len = strspn(text, "0123456789.");
    char number[32];

    if (len == 0 || len >= sizeof number)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(text + len, units[i].name) == 0) {
            *which = i;
            return parse_scaled(number, units[i].size, max, out);
        }
    }
    return false;
}

bool
estab_wan_parse_time(const char *text, estab_time *out)
{
    static const struct unit units[] = {
        { "", 1000000 }, { "ms", 1000000 }, { "us", 1000 }, { "s", 1000000000 }
    };
    uint64_t n;
    size_t which;

    if (!parse_with_unit(text, units, 4, 60000000000u, &n, &which))
        return false;
    *out = (estab_time)n;
    return true;
}

bool
estab_wan_parse_percent(const char *text, uint32_t *ppm)
{
    static const struct unit units[] = { { "", 10000 }, { "%", 10000 } };
    uint64_t n;
    size_t which;

    if (!parse_with_unit(text, units, 2, SIM_PPM, &n, &which))
        return false;
    *ppm = (uint32_t)n;
    return true;
}

bool
estab_wan_parse_rate(const char *text, uint64_t *bits)
{
    static const struct unit units[] = {
        { "", 1000000 },  { "k", 1000 },       { "m", 1000000 },       { "g", 1000000000 },
        { "kbit", 1000 }, { "mbit", 1000000 }, { "gbit", 1000000000 },
    };
    uint64_t n;
    size_t which;

    if (!parse_with_unit(text, units, 7, 100000000000u, &n, &which) || n < 1000)
        return false;
    *bits = n;
    return true;
}

bool
estab_wan_parse_queue(const char *text, struct wan_way *w)
{
    static const struct {
        enum wan_queue kind;
        uint64_t max;
    } kinds[] = {
        { WAN_QUEUE_PACKETS, 1000000 },   { WAN_QUEUE_PACKETS, 1000000 },
        { WAN_QUEUE_OCTETS, 1000000000 }, { WAN_QUEUE_OCTETS, 1000000000 },
        { WAN_QUEUE_OCTETS, 1000000000 }, { WAN_QUEUE_TIME, 60000000000u },
        { WAN_QUEUE_TIME, 60000000000u }, { WAN_QUEUE_BDP, 1000000 },
    };
    static const struct unit units[] = {
        { "", 1 },         { "p", 1 },        { "B", 1 },          { "kB", 1000 },
        { "MB", 1000000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "bdp", 1000 },
    };
    uint64_t n;
    size_t which;

    if (!parse_with_unit(text, units, 8, 60000000000u, &n, &which) || n > kinds[which].max ||
        n == 0)
        return false;
    if (kinds[which].kind == WAN_QUEUE_PACKETS && strchr(text, '.') != NULL)
        return false;
    w->queue = kinds[which].kind;
    w->queue_size = n;
    return true;
}

/* --- options --- */

#define FOR_EACH_WAY(o, w)                                                                         \
    for (struct wan_way *w = (o)->way; w < (o)->way + 2; w++)                                      \
        if ((o)->setting & 1u << (w - (o)->way))

static int
take_delay(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    estab_time t;

    if (!estab_wan_parse_time(value, &t))
        return estab_fail(why, "not a time up to 60s, such as 50, 0.5 or 50ms");
    FOR_EACH_WAY(o, w)
    w->delay = t;
    return 0;
}

static int
take_rtt(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    estab_time t;

    if (!estab_wan_parse_time(value, &t))
        return estab_fail(why, "not a time up to 60s, such as 100, 0.5 or 100ms");
    o->way[0].delay = t / 2;
    o->way[1].delay = t - t / 2;
    return 0;
}

static int
take_jitter(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    estab_time t;

    if (!estab_wan_parse_time(value, &t))
        return estab_fail(why, "not a time up to 60s, such as 5, 0.5 or 5ms");
    FOR_EACH_WAY(o, w)
    w->jitter = t;
    return 0;
}

static int
take_rate(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    uint64_t bits;

    if (!estab_wan_parse_rate(value, &bits))
        return estab_fail(why, "not a rate from 1k to 100g bit/s, such as 10, 512k or 2.5g");
    FOR_EACH_WAY(o, w)
    w->bits_per_second = bits;
    return 0;
}

static int
take_queue(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    FOR_EACH_WAY(o, w)
    if (!estab_wan_parse_queue(value, w))
        return estab_fail(why, "not a queue, such as 100 (packets), 64kB, 20ms or 1.5bdp");
    return 0;
}

static int
take_percent(const char *value, uint32_t *ppm, struct failure *why)
{
    return estab_wan_parse_percent(value, ppm)
               ? 0
               : estab_fail(why, "not a percentage from 0 to 100, such as 1 or 0.01");
}

static int
take_loss(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    FOR_EACH_WAY(o, w)
    if (take_percent(value, &w->loss_ppm, why) < 0)
        return -1;
    return 0;
}

static int
take_reorder(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    FOR_EACH_WAY(o, w)
    if (take_percent(value, &w->reorder_ppm, why) < 0)
        return -1;
    return 0;
}

static int
take_reorder_by(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    estab_time t;

    if (!estab_wan_parse_time(value, &t) || t == 0)
        return estab_fail(why, "not a time up to 60s, such as 5, 0.5 or 5ms");
    FOR_EACH_WAY(o, w)
    w->reorder_by = t;
    return 0;
}

static int
take_duplicate(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    FOR_EACH_WAY(o, w)
    if (take_percent(value, &w->duplicate_ppm, why) < 0)
        return -1;
    return 0;
}

static int
take_corrupt(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    FOR_EACH_WAY(o, w)
    if (take_percent(value, &w->corrupt_ppm, why) < 0)
        return -1;
    return 0;
}

static int
take_up(void *into, const char *value, struct failure *why)
{
    (void)value;
    (void)why;
    ((struct wan_options *)into)->setting = 1;
    return 0;
}

static int
take_down(void *into, const char *value, struct failure *why)
{
    (void)value;
    (void)why;
    ((struct wan_options *)into)->setting = 2;
    return 0;
}

static int
take_both(void *into, const char *value, struct failure *why)
{
    (void)value;
    (void)why;
    ((struct wan_options *)into)->setting = 3;
    return 0;
}

static int
take_seed(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    if (!estab_parse_number(value, 0, UINT64_MAX - 1, &o->seed))
        return estab_fail(why, "not a number");
    return 0;
}

static int
take_mtu(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    uint64_t n;

    if (!estab_parse_number(value, 68, 65535, &n))
        return estab_fail(why, "not a number from 68 to 65535");
    o->mtu = (uint32_t)n;
    return 0;
}

static int
take_memory(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;
    uint64_t n;

    if (!estab_parse_number(value, 1, 65536, &n))
        return estab_fail(why, "not a number of MiB from 1 to 65536");
    o->memory = n << 20;
    return 0;
}

static int
take_addr(struct wan_end *end, const char *value, struct failure *why)
{
    struct prefix *p = &end->addrs[end->n_addrs];

    if (end->n_addrs == OPTIONS_ADDRS)
        return estab_fail(why, "at most %d addresses", OPTIONS_ADDRS);
    if (estab_addr_parse_prefix(&p->addr, &p->len, value) < 0)
        return estab_fail(why, "not an address with prefix length, such as 10.8.0.1/24");
    if (estab_addr_is_any(&p->addr) || estab_addr_is_multicast(&p->addr) ||
        estab_addr_is_loopback(&p->addr))
        return estab_fail(why, "not an address a host can have on a link");
    end->n_addrs++;
    return 0;
}

static int
take_left_addr(void *into, const char *value, struct failure *why)
{
    return take_addr(&((struct wan_options *)into)->end[0], value, why);
}

static int
take_right_addr(void *into, const char *value, struct failure *why)
{
    return take_addr(&((struct wan_options *)into)->end[1], value, why);
}

static int
take_duration(void *into, const char *value, struct failure *why)
{
    struct wan_options *o = into;

    if (!estab_parse_duration(value, &o->duration))
        return estab_fail(why, "not a duration, such as 30, 0.5 or 10m");
    return 0;
}

static int
take_json(void *into, const char *value, struct failure *why)
{
    (void)value;
    (void)why;
    ((struct wan_options *)into)->json = true;
    return 0;
}

static int
take_quiet(void *into, const char *value, struct failure *why)
{
    (void)value;
    (void)why;
    ((struct wan_options *)into)->quiet = true;
    return 0;
}

static const struct option_rule rules[] = {
    { "delay", 0, "MS", "one way; milliseconds, or with a unit: 50, 0.5, 50ms, 1s", take_delay },
    { "rtt", 0, "MS", "half of it one way, half the other", take_rtt },
    { "jitter", 0, "MS", "arrivals later by up to it, in order", take_jitter },
    { "rate", 0, "MBIT", "Mbit/s of IP packets, or with a unit: 10, 512k, 2.5g", take_rate },
    { "queue", 0, "SIZE", "before the rate: 100 (packets), 64kB, 20ms, 1.5bdp", take_queue },
    { "loss", 0, "%", "packets lost", take_loss },
    { "reorder", 0, "%", "packets that others overtake", take_reorder },
    { "reorder-by", 0, "MS", "how much later those are, at most (default: 10)", take_reorder_by },
    { "duplicate", 0, "%", "packets that arrive twice", take_duplicate },
    { "corrupt", 0, "%", "packets with bits turned, which a checksum shows", take_corrupt },
    { "up", 0, NULL, "what follows is for LEFT to RIGHT", take_up },
    { "down", 0, NULL, "what follows is for RIGHT to LEFT", take_down },
    { "both", 0, NULL, "what follows is for both again", take_both },
    { "seed", 0, "N", "other fates for the packets (default: 1)", take_seed },
    { "left-addr", 0, "ADDR/N", "the kernel's address there; may be repeated", take_left_addr },
    { "right-addr", 0, "ADDR/N", "the kernel's address there; may be repeated", take_right_addr },
    { "mtu", 0, "N", "of both devices, if made here (default: 1500)", take_mtu },
    { "memory", 0, "MIB", "for packets on the way (default: 256)", take_memory },
    { "duration", 0, "TIME", "ends after it (default: at SIGINT or SIGTERM)", take_duration },
    { "json", 0, NULL, "the counts as one line of JSON", take_json },
    { "quiet", 'q', NULL, "no line at the start", take_quiet },
};

const struct command estab_wan_command = {
    .name = "wan",
    .usage = "[NETNS:]LEFT [NETNS:]RIGHT",
    .about =
        "Joins two TUN devices by a path with delay, rate, queue and faults, in real time.\n"
        "SIGUSR1 prints the counts on standard error, as the end does. NETNS is the name of a\n"
        "network namespace, the number of a process in it, or a path.",
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
    .no_host = true,
};

/* "blue:wan0", "wan0". */
static int
take_end(struct wan_end *end, const char *operand, struct failure *why)
{
    const char *colon = strrchr(operand, ':');
    size_t len = colon != NULL ? (size_t)(colon - operand) : 0;

    if (len >= sizeof end->netns || (colon != NULL && len == 0))
        return estab_fail(why, "%.200s: not [NETNS:]DEVICE", operand);
    memcpy(end->netns, operand, len);
    end->netns[len] = '\0';
    end->device = colon != NULL ? colon + 1 : operand;
    if (end->device[0] == '\0' || strlen(end->device) > 15 ||
        strpbrk(end->device, "/% \t\n") != NULL)
        return estab_fail(why, "%.200s: not a name that a device can have", operand);
    return 0;
}

int
estab_wan_options(struct wan_options *o, int argc, char **argv)
{
    struct options none;
    struct failure why;
    int operands, status;

    *o = (struct wan_options){ .setting = 3, .seed = 1, .memory = 256u << 20 };
    for (unsigned d = 0; d < 2; d++)
        o->way[d].reorder_by = ESTAB_MS(10);
    status = estab_options_start(&estab_wan_command, &none, o, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (argc - operands != 2)
        return estab_usage_error(&estab_wan_command, "needs two devices, [NETNS:]LEFT and "
                                                     "[NETNS:]RIGHT");
    for (int i = 0; i < 2; i++)
        if (take_end(&o->end[i], argv[operands + i], &why) < 0)
            return estab_usage_error(&estab_wan_command, "%s", why.text);
    if (strcmp(o->end[0].device, o->end[1].device) == 0 &&
        strcmp(o->end[0].netns, o->end[1].netns) == 0)
        return estab_usage_error(&estab_wan_command, "both ends are the device %s",
                                 o->end[0].device);
    for (unsigned d = 0; d < 2; d++)
        if (o->way[d].queue != WAN_QUEUE_DEFAULT && o->way[d].bits_per_second == 0)
            return estab_usage_error(&estab_wan_command, "--queue needs a --rate: without one "
                                                         "nothing waits");
    return -1;
}

/* --- the path --- */

static estab_time
time_for(uint64_t octets, uint64_t bits_per_second)
{
    return (estab_time)(octets * 8 * 1000000000u / bits_per_second);
}

/* A queue in multiples of the bandwidth-delay product holds some packets also where that is less
 * than one; without --queue it is one BDP, but not fewer than a hundred packets. */
static estab_time
bdp_queue(const struct wan_options *o, const struct wan_way *w, uint32_t largest)
{
    bool given = w->queue == WAN_QUEUE_BDP;
    estab_time rtt = o->way[0].delay + o->way[1].delay;
    estab_time bdp = rtt / 1000 * (estab_time)(given ? w->queue_size : 1000);
    estab_time least = time_for((given ? 10u : 100u) * (uint64_t)largest, w->bits_per_second);

    return bdp > least ? bdp : least;
}

struct sim_path_config
estab_wan_path(const struct wan_options *o, uint32_t largest)
{
    struct sim_path_config cfg = { .largest = largest, .memory = o->memory, .seed = o->seed };

    for (unsigned d = 0; d < 2; d++) {
        const struct wan_way *w = &o->way[d];
        struct sim_link_config *link = &cfg.way[d].link;

        cfg.way[d].jitter = w->jitter;
        link->delay = w->delay;
        link->bits_per_second = w->bits_per_second;
        link->heal_at = ESTAB_NEVER;
        link->faults.loss_ppm = w->loss_ppm;
        link->faults.duplicate_ppm = w->duplicate_ppm;
        link->faults.corrupt_ppm = w->corrupt_ppm;
        link->faults.reorder_ppm = w->reorder_ppm;
        link->faults.reorder_extra = w->reorder_by;
        if (w->bits_per_second == 0)
            continue;
        link->queue_max = ESTAB_NEVER;
        if (w->queue == WAN_QUEUE_PACKETS)
            cfg.way[d].queue_packets = (uint32_t)w->queue_size;
        else if (w->queue == WAN_QUEUE_OCTETS)
            link->queue_max = time_for(w->queue_size, w->bits_per_second);
        else if (w->queue == WAN_QUEUE_TIME)
            link->queue_max = (estab_time)w->queue_size;
        else
            link->queue_max = bdp_queue(o, w, largest);
    }
    return cfg;
}

static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
add(char *text, size_t size, const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + len, size - len, format, args);
    va_end(args);
}

void
estab_wan_describe(const struct wan_options *o, unsigned direction, uint32_t largest, char *text,
                   size_t size)
{
    struct sim_path_config cfg = estab_wan_path(o, largest);
    const struct wan_way *w = &o->way[direction];

    text[0] = '\0';
    add(text, size, "%g ms", (double)w->delay / 1e6);
    if (w->jitter > 0)
        add(text, size, ", jitter %g ms", (double)w->jitter / 1e6);
    if (w->bits_per_second != 0) {
        add(text, size, ", %g Mbit/s, queue ", (double)w->bits_per_second / 1e6);
        if (w->queue == WAN_QUEUE_PACKETS)
            add(text, size, "%u packets", (unsigned)w->queue_size);
        else
            add(text, size, "%.0f octets (%g ms)",
                (double)cfg.way[direction].link.queue_max * (double)w->bits_per_second / 8e9,
                (double)cfg.way[direction].link.queue_max / 1e6);
    }
    if (w->loss_ppm != 0)
        add(text, size, ", loss %g %%", w->loss_ppm / 1e4);
    if (w->reorder_ppm != 0)
        add(text, size, ", reordered %g %% by up to %g ms", w->reorder_ppm / 1e4,
            (double)w->reorder_by / 1e6);
    if (w->duplicate_ppm != 0)
        add(text, size, ", duplicated %g %%", w->duplicate_ppm / 1e4);
    if (w->corrupt_ppm != 0)
        add(text, size, ", corrupted %g %%", w->corrupt_ppm / 1e4);
}
