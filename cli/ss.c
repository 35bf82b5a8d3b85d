/* SPDX-License-Identifier: MIT */
/*
 * estab ss: asks a running host (asking.h) and shows what it answers, in the style of ss(8), of ip(8),
 * or as JSON.
 */
#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/running.h"
#include "cli/ss_filter.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ss_options {
    const char *control;
    bool processes, extended, memory;
    unsigned watch_ms; /* 0: once */
    bool tcp, udp, listening, all, info, json, summary, no_header;
    bool only_ipv4, only_ipv6;
    bool links, routes, neighbours, counters;
    struct ss_filter filter;
};

/* --- sockets --- */

static void
format_endpoint(const struct ask_record *r, const char *which, char *buf, size_t cap)
{
    char name[32];
    const char *addr = estab_ask_value(r, which), *port;

    snprintf(name, sizeof name, "%s-port", which);
    port = estab_ask_value(r, name);
    if (strcmp(port, "0") == 0)
        port = "*";
    if (strchr(addr, ':') != NULL)
        snprintf(buf, cap, "[%.60s]:%.8s", addr, port);
    else
        snprintf(buf, cap, "%.60s:%.8s", addr[0] != '\0' ? addr : "*", port);
}

static void
print_microseconds(const char *name, const char *text)
{
    uint64_t us = strtoull(text, NULL, 10);

    printf(" %s:%" PRIu64 ".%03" PRIu64 "ms", name, us / 1000, us % 1000);
}

/* What ss -i shows, in its words. */
static void
print_info(const struct ask_record *r)
{
    static const char *const plain[] = { "mss",  "cwnd",    "ssthresh", "flight", "sacked",
                                         "lost", "snd-wnd", "rcv-wnd",  "sent",   "received" };
    static const char *const flags[] = { "timestamps", "sack", "ecn", "fast-open", "orphan" };

    printf("\t");
    if (estab_ask_has(r, "cc"))
        printf(" %s", estab_ask_value(r, "cc"));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(estab_ask_value(r, flags[i]), "1") == 0)
            printf(" %s", flags[i]);
    if (strcmp(estab_ask_value(r, "wscale"), "1") == 0)
        printf(" wscale:%s,%s", estab_ask_value(r, "snd-shift"), estab_ask_value(r, "rcv-shift"));
    if (estab_ask_has(r, "rto-us"))
        print_microseconds("rto", estab_ask_value(r, "rto-us"));
    if (estab_ask_has(r, "srtt-us")) {
        print_microseconds("rtt", estab_ask_value(r, "srtt-us"));
        print_microseconds("rttvar", estab_ask_value(r, "rttvar-us"));
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (estab_ask_has(r, plain[i]))
            printf(" %s:%s", plain[i], estab_ask_value(r, plain[i]));
    printf("\n");
}

static bool
shows_sockets(const struct ss_options *o)
{
    return !o->links && !o->routes && !o->neighbours && !o->counters;
}

/* As ss(8): the column is left out where it would be the same in every line. */
static bool
shows_netid(const struct ss_options *o)
{
    return o->tcp == o->udp;
}

/* Its handle, and what has gone wrong with it. */
static void
print_extended(const struct ask_record *r)
{
    static const char *const names[] = { "sk", "error", "soft-error" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (estab_ask_has(r, names[i]))
            printf(" %s:%s", names[i], estab_ask_value(r, names[i]));
    if (strcmp(estab_ask_value(r, "orphan"), "1") == 0)
        printf(" orphan");
}

static void
print_socket(const struct ask_record *r, const struct ss_options *o)
{
    char local[80], remote[80];

    format_endpoint(r, "local", local, sizeof local);
    format_endpoint(r, "remote", remote, sizeof remote);
    if (shows_netid(o))
        printf("%-5s ", estab_ask_value(r, "netid"));
    printf("%-10s %6s %6s %26s %26s", estab_ss_state(estab_ask_value(r, "state")),
           estab_ask_value(r, "recv-q"), estab_ask_value(r, "send-q"), local, remote);
    if (estab_ask_has(r, "timer"))
        printf(" timer:(%s,%sms,%s)", estab_ask_value(r, "timer"), estab_ask_value(r, "timer-ms"),
               estab_ask_value(r, "retransmissions"));
    if (o->processes)
        printf(" users:((\"%s\",pid=%s))", estab_ask_value(r, "process"),
               estab_ask_value(r, "pid"));
    if (o->extended)
        print_extended(r);
    printf("\n");
    if (o->memory && estab_ask_has(r, "snd-buf"))
        printf("\t skmem:(r%s,rb%s,t%s,tb%s)\n", estab_ask_value(r, "rcv-ring"),
               estab_ask_value(r, "rcv-buf"), estab_ask_value(r, "snd-ring"),
               estab_ask_value(r, "snd-buf"));
    if (o->info && (estab_ask_has(r, "cwnd") || strcmp(estab_ask_value(r, "netid"), "udp") == 0))
        print_info(r);
}

static bool
is_wanted(const struct ask_record *r, const struct ss_options *o)
{
    const char *netid = estab_ask_value(r, "netid");
    const char *local = estab_ask_value(r, "local");
    bool six = strchr(local, ':') != NULL, either = strcmp(local, "*") == 0;

    if ((o->tcp || o->udp) && !(o->tcp && strcmp(netid, "tcp") == 0) &&
        !(o->udp && strcmp(netid, "udp") == 0))
        return false;
    if (!either && ((o->only_ipv4 && six) || (o->only_ipv6 && !six)))
        return false;
    return estab_ss_filter_takes(&o->filter, estab_ask_value(r, "state"), local,
                                 estab_ask_value(r, "local-port"), estab_ask_value(r, "remote"),
                                 estab_ask_value(r, "remote-port"));
}

static void
show_head(const struct ss_options *o)
{
    if (o->json || o->no_header)
        return;
    if (shows_netid(o))
        printf("%-5s ", "Netid");
    printf("%-10s %6s %6s %26s %26s%s\n", "State", "Recv-Q", "Send-Q", "Local Address:Port",
           "Peer Address:Port", o->processes ? " Process" : "");
}

static void
show_sockets(char *text, const struct ss_options *o, const struct running_host *host, bool *first)
{
    struct ask_record r;
    char pid[24];

    snprintf(pid, sizeof pid, "%ld", host->pid);
    while (estab_ask_next(&text, &r)) {
        if (!is_wanted(&r, o))
            continue;
        if (r.n + 2 <= ASK_FIELDS) {
            r.fields[r.n++] = (struct ask_field){ "process", host->command };
            r.fields[r.n++] = (struct ask_field){ "pid", pid };
        }
        if (o->json)
            estab_ask_print_json(&r, *first);
        else
            print_socket(&r, o);
        *first = false;
    }
}

/* How many there are of what, whatever else was asked for; of all hosts together. */
struct summary {
    unsigned tcp, udp, established, half_open, orphans, time_wait, listening;
};

static void
count_sockets(char *text, struct summary *s)
{
    struct ask_record r;

    while (estab_ask_next(&text, &r)) {
        const char *state = estab_ask_value(&r, "state");

        if (strcmp(estab_ask_value(&r, "netid"), "udp") == 0) {
            s->udp++;
            continue;
        }
        s->tcp++;
        s->established += strcmp(state, "ESTABLISHED") == 0;
        s->half_open += strcmp(state, "SYN-RECEIVED") == 0;
        s->time_wait += strcmp(state, "TIME-WAIT") == 0;
        s->listening += strcmp(state, "LISTEN") == 0;
        s->orphans += strcmp(estab_ask_value(&r, "orphan"), "1") == 0;
    }
}

static void
show_summary(const struct summary *s)
{
    printf("Total: %u\n"
           "TCP:   %u (estab %u, synrecv %u, orphaned %u, timewait %u, listening %u)\n"
           "UDP:   %u\n",
           s->tcp + s->udp, s->tcp, s->established, s->half_open, s->orphans, s->time_wait,
           s->listening, s->udp);
}

/* --- the network --- */

/* In the style of ip(8): its three questions address, route and neighbour. */
static void
print_link(const struct ask_record *r)
{
    printf("%s: %s: %s mtu %s", estab_ask_value(r, "link"), estab_ask_value(r, "device"),
           estab_ask_value(r, "kind"), estab_ask_value(r, "mtu"));
    if (strcmp(estab_ask_value(r, "mtu6"), estab_ask_value(r, "mtu")) != 0)
        printf(" mtu6 %s", estab_ask_value(r, "mtu6"));
    if (estab_ask_has(r, "mac"))
        printf(" mac %s", estab_ask_value(r, "mac"));
    if (estab_ask_has(r, "vlan"))
        printf(" vlan %s", estab_ask_value(r, "vlan"));
    printf("\n    in %s packets %s octets, out %s packets %s octets, %s octets wait\n",
           estab_ask_value(r, "packets-in"), estab_ask_value(r, "octets-in"),
           estab_ask_value(r, "packets-out"), estab_ask_value(r, "octets-out"),
           estab_ask_value(r, "queued"));
}

static void
print_address(const struct ask_record *r)
{
    const char *address = estab_ask_value(r, "address");

    printf("    %s %s/%s %s", strchr(address, ':') != NULL ? "inet6" : "inet", address,
           estab_ask_value(r, "length"), estab_ask_value(r, "state"));
    if (strcmp(estab_ask_value(r, "autoconf"), "1") == 0)
        printf(" autoconf");
    if (strcmp(estab_ask_value(r, "temporary"), "1") == 0)
        printf(" temporary");
    if (estab_ask_has(r, "valid-s"))
        printf(" valid %ss", estab_ask_value(r, "valid-s"));
    if (estab_ask_has(r, "preferred-s"))
        printf(" preferred %ss", estab_ask_value(r, "preferred-s"));
    printf("\n");
}

static void
print_route(const struct ask_record *r)
{
    printf("%s", estab_ask_value(r, "route"));
    if (estab_ask_has(r, "via"))
        printf(" via %s", estab_ask_value(r, "via"));
    else if (strcmp(estab_ask_value(r, "route"), "default") == 0)
        printf(" IPv%s", estab_ask_value(r, "family"));
    printf(" dev %s origin %s", estab_ask_value(r, "device"), estab_ask_value(r, "origin"));
    if (estab_ask_has(r, "valid-s"))
        printf(" expires %ss", estab_ask_value(r, "valid-s"));
    if (estab_ask_has(r, "preference"))
        printf(" pref %s", estab_ask_value(r, "preference"));
    if (strcmp(estab_ask_value(r, "doubts"), "0") != 0)
        printf(" doubts %s", estab_ask_value(r, "doubts"));
    printf("\n");
}

static void
print_neighbour(const struct ask_record *r)
{
    printf("%s dev %s", estab_ask_value(r, "neighbour"), estab_ask_value(r, "device"));
    if (estab_ask_has(r, "mac"))
        printf(" lladdr %s", estab_ask_value(r, "mac"));
    if (strcmp(estab_ask_value(r, "router"), "1") == 0)
        printf(" router");
    if (strcmp(estab_ask_value(r, "fixed"), "1") == 0)
        printf(" fixed");
    printf(" %s", estab_ask_value(r, "state"));
    if (estab_ask_has(r, "age-s"))
        printf(" age %ss", estab_ask_value(r, "age-s"));
    printf("\n");
}

/* As nstat(8), with what it means. */
static void
print_counter(const struct ask_record *r)
{
    printf("%-28s %12s  %s\n", estab_ask_value(r, "counter"), estab_ask_value(r, "count"),
           estab_ask_value(r, "text"));
}

static void
show_network(char *text, const struct ss_options *o, bool *first)
{
    static const struct {
        const char *name;
        void (*print)(const struct ask_record *r);
    } kinds[] = {
        { "link", print_link },           { "address", print_address }, { "route", print_route },
        { "neighbour", print_neighbour }, { "counter", print_counter },
    };
    struct ask_record r;

    while (estab_ask_next(&text, &r)) {
        for (size_t i = 0; !o->json && i < sizeof kinds / sizeof kinds[0]; i++)
            if (r.n > 0 && strcmp(r.fields[0].name, kinds[i].name) == 0)
                kinds[i].print(&r);
        if (o->json)
            estab_ask_print_json(&r, *first);
        *first = false;
    }
}

/* What was asked for of one host; the exit status. */
static int
show(const struct ss_options *o, const struct running_host *host, struct summary *summary,
     bool *first)
{
    const struct {
        bool is_wanted;
        const char *request;
    } views[] = {
        { o->links, "links" },           { o->routes, "routes" },
        { o->neighbours, "neighbours" }, { o->counters, "counters" },
        { shows_sockets(o), "sockets" },
    };
    int status = 0;

    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        char *text = views[i].is_wanted ? estab_ask("ss", host->path, views[i].request) : NULL;

        if (text == NULL) {
            status |= views[i].is_wanted;
            continue;
        }
        if (strcmp(views[i].request, "sockets") != 0)
            show_network(text, o, first);
        else if (o->summary)
            count_sockets(text, summary);
        else
            show_sockets(text, o, host, first);
        free(text);
    }
    return status;
}

/* All of it, of the host that was named or of every one that runs. */
static int
show_all(const struct ss_options *o)
{
    static struct running_host hosts[RUNNING_MAX];
    struct summary summary = { 0 };
    struct failure why;
    bool first = true;
    int n = 1, status = 0;

    if (o->control != NULL)
        estab_running_at(&hosts[0], o->control);
    else
        n = estab_running_list(hosts, &why);
    if (n < 0) {
        estab_ask_complain("ss", "%s", why.text);
        return 2;
    }
    if (o->json)
        printf("[\n");
    else if (shows_sockets(o) && !o->summary)
        show_head(o);
    for (int i = 0; i < n; i++) {
        if (!o->json && !shows_sockets(o) && n > 1)
            printf("%s%s, process %ld:\n", i > 0 ? "\n" : "", hosts[i].command, hosts[i].pid);
        status |= show(o, &hosts[i], &summary, &first);
    }
    if (o->json)
        printf("\n]\n");
    else if (o->summary && shows_sockets(o))
        show_summary(&summary);
    return estab_ask_finish("ss") | status;
}

/* Again and again until a signal ends it or nobody reads it any more. */
static int
watch(const struct ss_options *o)
{
    const struct timespec pause = { .tv_sec = (time_t)(o->watch_ms / 1000),
                                    .tv_nsec = (long)(o->watch_ms % 1000) * 1000000 };
    const bool has_screen = isatty(STDOUT_FILENO);

    for (;;) {
        if (has_screen)
            printf("\033[H\033[J");
        if (show_all(o) != 0)
            return 1;
        if (nanosleep(&pause, NULL) < 0)
            return 1;
        if (!has_screen)
            printf("\n");
    }
}

/* --- the commands --- */

static const char ss_help[] =
    "usage: estab ss [OPTION]... [FILTER]...\n"
    "Shows the sockets of all hosts of yours that run, as ss(8) does the kernel's: those that are\n"
    "connected, or\n"
    "  -l, --listening   those that wait for somebody\n"
    "  -a, --all         both, and what is only half a connection: SYN-RECV, TIME-WAIT\n"
    "  -t, --tcp         only TCP\n"
    "  -u, --udp         only UDP\n"
    "  -4, --ipv4        only IPv4\n"
    "  -6, --ipv6        only IPv6\n"
    "  -i, --info        with round trips, windows and congestion\n"
    "  -o, --options     with the timer that runs (it always is)\n"
    "  -p, --processes   with the process that they are in\n"
    "  -m, --memory      with the octets of memory behind their buffers, and their limits\n"
    "  -e, --extended    with their handles and what has gone wrong\n"
    "  -n, --numeric     no names (there never are)\n"
    "  -H, --no-header   no line above them\n"
    "  -s, --summary     how many there are of what\n"
    "      --links       the interfaces and addresses instead\n"
    "      --routes      the routes instead\n"
    "      --neighbours  who was found on the links instead\n"
    "      --counters    what became of packets and why others were sent instead\n"
    "      --json        everything about them as a JSON array\n"
    "      --watch[=S]   again every S seconds (1), until a signal\n"
    "      --control PATH  only the host that was given this with --control\n"
    "  -h, --help        this text\n"
    "Filters, of which all must hold: state NAME, exclude NAME, sport = :N, dport != :N,\n"
    "src ADDR[/LEN], dst ADDR[/LEN]. A state is established, syn-sent, syn-recv, fin-wait-1,\n"
    "fin-wait-2, time-wait, close-wait, last-ack, closing, listening, closed; or all, connected,\n"
    "synchronized, bucket, big.\n";

enum {
    OPT_CONTROL = 256,
    OPT_LINKS,
    OPT_ROUTES,
    OPT_NEIGHBOURS,
    OPT_COUNTERS,
    OPT_WATCH,
    OPT_JSON
};

static bool
take_seconds(const char *text, unsigned *ms)
{
    char *end;
    double s = strtod(text, &end);

    if (end == text || *end != '\0' || !(s >= 0.1 && s <= 3600))
        return false;
    *ms = (unsigned)(s * 1000);
    return true;
}

/* -1: to go on, else the exit status. */
static int
take_ss_options(struct ss_options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "listening", no_argument, NULL, 'l' },
        { "all", no_argument, NULL, 'a' },
        { "tcp", no_argument, NULL, 't' },
        { "udp", no_argument, NULL, 'u' },
        { "ipv4", no_argument, NULL, '4' },
        { "ipv6", no_argument, NULL, '6' },
        { "info", no_argument, NULL, 'i' },
        { "options", no_argument, NULL, 'o' },
        { "numeric", no_argument, NULL, 'n' },
        { "no-header", no_argument, NULL, 'H' },
        { "summary", no_argument, NULL, 's' },
        { "processes", no_argument, NULL, 'p' },
        { "memory", no_argument, NULL, 'm' },
        { "extended", no_argument, NULL, 'e' },
        { "watch", optional_argument, NULL, OPT_WATCH },
        { "help", no_argument, NULL, 'h' },
        { "links", no_argument, NULL, OPT_LINKS },
        { "routes", no_argument, NULL, OPT_ROUTES },
        { "neighbours", no_argument, NULL, OPT_NEIGHBOURS },
        { "neighbors", no_argument, NULL, OPT_NEIGHBOURS },
        { "counters", no_argument, NULL, OPT_COUNTERS },
        { "json", no_argument, NULL, OPT_JSON },
        { "control", required_argument, NULL, OPT_CONTROL },
        { NULL, 0, NULL, 0 },
    };
    int c;

    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":latu46ionpmeHsh", longs, NULL)) != -1) {
        switch (c) {
        case 'l':
            o->listening = true;
            break;
        case 'a':
            o->all = true;
            break;
        case 't':
            o->tcp = true;
            break;
        case 'u':
            o->udp = true;
            break;
        case '4':
            o->only_ipv4 = true;
            break;
        case '6':
            o->only_ipv6 = true;
            break;
        case 'i':
            o->info = true;
            break;
        case 'o':
        case 'n':
            break;
        case 'H':
            o->no_header = true;
            break;
        case 'p':
            o->processes = true;
            break;
        case 'm':
            o->memory = true;
            break;
        case 'e':
            o->extended = true;
            break;
        case OPT_WATCH:
            if (!take_seconds(optarg != NULL ? optarg : "1", &o->watch_ms)) {
                estab_ask_complain("ss", "--watch %.100s: not a time, 0.1 to 3600 seconds", optarg);
                return 2;
            }
            break;
        case 's':
            o->summary = true;
            break;
        case OPT_LINKS:
            o->links = true;
            break;
        case OPT_ROUTES:
            o->routes = true;
            break;
        case OPT_NEIGHBOURS:
            o->neighbours = true;
            break;
        case OPT_COUNTERS:
            o->counters = true;
            break;
        case OPT_JSON:
            o->json = true;
            break;
        case OPT_CONTROL:
            o->control = optarg;
            break;
        case 'h':
            fputs(ss_help, stdout);
            return estab_ask_finish("ss");
        default:
            estab_ask_complain(
                "ss", "%.100s: not an option, or its value is missing (estab ss --help lists them)",
                argv[optind - 1]);
            return 2;
        }
    }
    return -1;
}

int
estab_cmd_ss(int argc, char **argv)
{
    struct ss_options o = { 0 };
    struct failure why;
    int status = take_ss_options(&o, argc, argv);

    if (status >= 0)
        return status;
    estab_ss_filter_init(&o.filter, o.listening, o.all);
    if (estab_ss_filter_parse(&o.filter, argc - optind, argv + optind, &why) < 0) {
        estab_ask_complain("ss", "%s", why.text);
        return 2;
    }
    if (o.json && o.summary) {
        estab_ask_complain("ss", "-s goes not with --json");
        return 2;
    }
    return o.watch_ms > 0 ? watch(&o) : show_all(&o);
}
