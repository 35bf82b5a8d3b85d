/* SPDX-License-Identifier: MIT */
/* Which sockets are shown; see ss_filter.h. */
#include "cli/ss_filter.h"
#include "cli/addressing.h"
#include "cli/numbers.h"

#include <string.h>

/* As the stack calls it, as ss(8) shows it, as its filters name it. */
static const struct {
    const char *name, *shown, *filter;
} states[] = {
    { "LISTEN", "LISTEN", "listening" },
    { "UNCONNECTED", "UNCONN", "closed" },
    { "SYN-RECEIVED", "SYN-RECV", "syn-recv" },
    { "TIME-WAIT", "TIME-WAIT", "time-wait" },
    { "SYN-SENT", "SYN-SENT", "syn-sent" },
    { "ESTABLISHED", "ESTAB", "established" },
    { "FIN-WAIT-1", "FIN-WAIT-1", "fin-wait-1" },
    { "FIN-WAIT-2", "FIN-WAIT-2", "fin-wait-2" },
    { "CLOSE-WAIT", "CLOSE-WAIT", "close-wait" },
    { "CLOSING", "CLOSING", "closing" },
    { "LAST-ACK", "LAST-ACK", "last-ack" },
    { "CLOSED", "CLOSED", NULL }, /* over, and its user has not looked yet */
};

enum {
    N_STATES = sizeof states / sizeof states[0],
    ALL = (1 << N_STATES) - 1,
    WAITING = 1 << 0 | 1 << 1,
    BUCKET = 1 << 2 | 1 << 3,
    SYN_SENT = 1 << 4,
};

static const struct {
    const char *name;
    uint32_t states;
} groups[] = {
    { "all", ALL },
    { "connected", ALL & ~WAITING },
    { "synchronized", ALL & ~WAITING & ~SYN_SENT },
    { "bucket", BUCKET },
    { "big", ALL & ~BUCKET },
};

const char *
estab_ss_state(const char *state)
{
    for (size_t i = 0; i < N_STATES; i++)
        if (strcmp(states[i].name, state) == 0)
            return states[i].shown;
    return state;
}

void
estab_ss_filter_init(struct ss_filter *filter, bool listening, bool all)
{
    *filter = (struct ss_filter){ .states = all         ? ALL
                                            : listening ? WAITING
                                                        : ALL & ~WAITING & ~BUCKET };
}

static bool
find_states(const char *name, uint32_t *out)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strcmp(groups[i].name, name) == 0) {
            *out = groups[i].states;
            return true;
        }
    for (size_t i = 0; i < N_STATES; i++)
        if (states[i].filter != NULL && strcmp(states[i].filter, name) == 0) {
            *out = 1u << i;
            return true;
        }
    return false;
}

/* `sport = :80`: the word after the name, and the one after that. */
static int
take_port(struct ss_filter *filter, unsigned end, int n, char *const words[], struct failure *why)
{
    const char *op = n > 0 ? words[0] : "", *port = n > 1 ? words[1] : "";
    bool equal = strcmp(op, "=") == 0 || strcmp(op, "==") == 0 || strcmp(op, "eq") == 0;

    if (!equal && strcmp(op, "!=") != 0 && strcmp(op, "ne") != 0)
        return estab_fail(why, "%s: give = or != and a port, such as :80",
                          end == 0 ? "sport" : "dport");
    if (!estab_parse_port(port + (port[0] == ':'), &filter->port[end].port))
        return estab_fail(why, "%.100s: not a port, such as :80", port);
    filter->port[end].given = true;
    filter->port[end].other = !equal;
    return 2;
}

static int
take_net(struct ss_filter *filter, unsigned end, int n, char *const words[], struct failure *why)
{
    struct prefix *p = &filter->net[end].prefix;

    if (n < 1 || estab_addr_parse_prefix(&p->addr, &p->len, words[0]) < 0)
        return estab_fail(why, "%.100s: not an address, with or without a prefix length",
                          n < 1 ? "" : words[0]);
    filter->net[end].given = true;
    return 1;
}

int
estab_ss_filter_parse(struct ss_filter *filter, int n, char *const words[], struct failure *why)
{
    uint32_t named = 0, excluded = 0, some;
    bool any = false;

    for (int i = 0; i < n;) {
        const char *word = words[i++];
        int taken = 1;

        if (strcmp(word, "and") == 0) {
            taken = 0;
        } else if (strcmp(word, "state") == 0 || strcmp(word, "exclude") == 0) {
            if (i == n || !find_states(words[i], &some))
                return estab_fail(why, "%.100s: no such state", i == n ? "" : words[i]);
            any = any || word[0] == 's';
            *(word[0] == 's' ? &named : &excluded) |= some;
        } else if (strcmp(word, "sport") == 0 || strcmp(word, "dport") == 0) {
            taken = take_port(filter, word[0] == 'd', n - i, words + i, why);
        } else if (strcmp(word, "src") == 0 || strcmp(word, "dst") == 0) {
            taken = take_net(filter, word[0] == 'd', n - i, words + i, why);
        } else {
            return estab_fail(why, "%.100s: not state, exclude, sport, dport, src or dst", word);
        }
        if (taken < 0)
            return -1;
        i += taken;
    }
    if (any)
        filter->states = named;
    filter->states &= ~excluded;
    return 0;
}

static bool
end_is_taken(const struct ss_filter *filter, unsigned end, const char *addr, const char *port)
{
    struct estab_addr a;
    uint16_t number;

    if (filter->port[end].given && (estab_parse_port(port, &number) &&
                                    number == filter->port[end].port) == filter->port[end].other)
        return false;
    return !filter->net[end].given ||
           (estab_addr_parse(&a, addr) == 0 && a.family == filter->net[end].prefix.addr.family &&
            estab_prefix_contains(&filter->net[end].prefix, &a));
}

bool
estab_ss_filter_takes(const struct ss_filter *filter, const char *state, const char *local,
                      const char *local_port, const char *remote, const char *remote_port)
{
    uint32_t bit = 0;

    for (size_t i = 0; i < N_STATES; i++)
        if (strcmp(states[i].name, state) == 0)
            bit = 1u << i;
    return (filter->states & bit) != 0 && end_is_taken(filter, 0, local, local_port) &&
           end_is_taken(filter, 1, remote, remote_port);
}
