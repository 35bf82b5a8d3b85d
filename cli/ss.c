/* SPDX-License-Identifier: MIT */
/*
 * estab ss and estab set: ask a running host on its control socket (control.h) and show what it
 * answers, in the style of ss(8) or as JSON. What comes from the socket is data: it is shown with
 * nothing but printable ASCII.
 */
#include "cli/cli.h"
#include "cli/control.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIELDS = 48 };

struct field {
    const char *name, *value;
};

struct record {
    struct field fields[FIELDS];
    size_t n;
};

struct ss_options {
    const char *control;
    bool tcp, udp, listening, all, info, json, links, routes, no_header;
};

__attribute__((format(printf, 2, 3))) static int
complain(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "estab %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

/* --- asking --- */

static int
connect_to(const char *command, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 2 * CONTROL_PATIENCE_S };
    int fd;

    if (strlen(path) >= sizeof at.sun_path) {
        complain(command, "%.200s: longer than a socket's name can be", path);
        return -1;
    }
    strcpy(at.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        complain(command, "%.200s: %s: is there an estab that runs with --control?", path,
                 strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* The whole answer as text, to be freed, without its last line, which says how it went; NULL: it did
 * not go well, and that was told. */
static char *
ask(const char *command, const char *path, const char *request)
{
    size_t len = 0, cap = CONTROL_ANSWER + 1024;
    int fd = connect_to(command, path);
    char *text, *last;
    ssize_t n;

    if (fd < 0)
        return NULL;
    text = malloc(cap + 1);
    if (text == NULL || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
        send(fd, "\n", 1, MSG_NOSIGNAL) < 0) {
        complain(command, "%.200s: cannot ask: %s", path, strerror(errno));
        close(fd);
        free(text);
        return NULL;
    }
    while (len < cap && (n = recv(fd, text + len, cap - len, 0)) > 0)
        len += (size_t)n;
    close(fd);
    text[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n' && text[i] != '\t')
            text[i] = '?';
    last = len >= 2 && text[len - 1] == '\n' ? text + len - 1 : NULL;
    if (last != NULL) {
        *last = '\0';
        last = strrchr(text, '\n');
        last = last != NULL ? last + 1 : text;
    }
    if (last != NULL && strcmp(last, ".") == 0) {
        *last = '\0';
        return text;
    }
    if (last != NULL && *last == '!') {
        complain(command, "%s", last + 1);
        if (last != text) { /* what there is, is shown */
            *last = '\0';
            return text;
        }
    } else {
        complain(command, "%.200s: the answer is not whole", path);
    }
    free(text);
    return NULL;
}

/* Takes the next line apart; it is changed. False: no more. */
static bool
next_record(char **text, struct record *r)
{
    char *line = strsep(text, "\n"), *part;

    r->n = 0;
    if (line == NULL || *line == '\0')
        return false;
    while ((part = strsep(&line, "\t")) != NULL && r->n < FIELDS) {
        char *equals = strchr(part, '=');

        if (equals == NULL)
            continue;
        *equals = '\0';
        r->fields[r->n++] = (struct field){ part, equals + 1 };
    }
    return true;
}

static const char *
value_of(const struct record *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return "";
}

static bool
has(const struct record *r, const char *name)
{
    return value_of(r, name)[0] != '\0';
}

/* --- showing --- */

static void
print_json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

/* Digits without a leading zero, and a minus perhaps, are numbers. */
static bool
is_number(const char *text)
{
    size_t len;

    if (*text == '-')
        text++;
    len = strspn(text, "0123456789");
    return len > 0 && len < 19 && text[len] == '\0' && (len == 1 || *text != '0');
}

static void
print_json(const struct record *r, bool first)
{
    printf("%s  {", first ? "" : ",\n");
    for (size_t i = 0; i < r->n; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_json_text(r->fields[i].name);
        printf(": ");
        if (is_number(r->fields[i].value))
            printf("%s", r->fields[i].value);
        else
            print_json_text(r->fields[i].value);
    }
    printf("}");
}

/* The names that ss(8) has for the states. */
static const char *
short_state(const char *state)
{
    static const char *const names[][2] = { { "ESTABLISHED", "ESTAB" },
                                            { "SYN-RECEIVED", "SYN-RECV" },
                                            { "UNCONNECTED", "UNCONN" } };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], state) == 0)
            return names[i][1];
    return state;
}

static void
format_endpoint(const struct record *r, const char *which, char *buf, size_t cap)
{
    char name[32];
    const char *addr = value_of(r, which), *port;

    snprintf(name, sizeof name, "%s-port", which);
    port = value_of(r, name);
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
print_info(const struct record *r)
{
    static const char *const plain[] = { "mss",  "cwnd",    "ssthresh", "flight", "sacked",
                                         "lost", "snd-wnd", "rcv-wnd",  "sent",   "received" };
    static const char *const flags[] = { "timestamps", "sack", "ecn", "fast-open", "orphan" };

    printf("\t");
    if (has(r, "cc"))
        printf(" %s", value_of(r, "cc"));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(value_of(r, flags[i]), "1") == 0)
            printf(" %s", flags[i]);
    if (strcmp(value_of(r, "wscale"), "1") == 0)
        printf(" wscale:%s,%s", value_of(r, "snd-shift"), value_of(r, "rcv-shift"));
    if (has(r, "rto-us"))
        print_microseconds("rto", value_of(r, "rto-us"));
    if (has(r, "srtt-us")) {
        print_microseconds("rtt", value_of(r, "srtt-us"));
        print_microseconds("rttvar", value_of(r, "rttvar-us"));
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (has(r, plain[i]))
            printf(" %s:%s", plain[i], value_of(r, plain[i]));
    printf("\n");
}

static void
print_socket(const struct record *r, const struct ss_options *o)
{
    char local[80], remote[80];

    format_endpoint(r, "local", local, sizeof local);
    format_endpoint(r, "remote", remote, sizeof remote);
    printf("%-5s %-10s %6s %6s %26s %26s", value_of(r, "netid"), short_state(value_of(r, "state")),
           value_of(r, "recv-q"), value_of(r, "send-q"), local, remote);
    if (has(r, "timer"))
        printf(" timer:(%s,%sms,%s)", value_of(r, "timer"), value_of(r, "timer-ms"),
               value_of(r, "retransmissions"));
    printf("\n");
    if (o->info && (has(r, "cwnd") || strcmp(value_of(r, "netid"), "udp") == 0))
        print_info(r);
}

static bool
is_wanted(const struct record *r, const struct ss_options *o)
{
    bool udp = strcmp(value_of(r, "netid"), "udp") == 0;
    bool listens = strcmp(value_of(r, "state"), "LISTEN") == 0 ||
                   strcmp(value_of(r, "state"), "UNCONNECTED") == 0;

    if ((o->tcp || o->udp) && !(udp ? o->udp : o->tcp))
        return false;
    return o->all || listens == o->listening;
}

static void
show_sockets(char *text, const struct ss_options *o)
{
    struct record r;
    bool first = true;

    if (!o->json && !o->no_header)
        printf("%-5s %-10s %6s %6s %26s %26s\n", "Netid", "State", "Recv-Q", "Send-Q",
               "Local Address:Port", "Peer Address:Port");
    while (next_record(&text, &r)) {
        if (!is_wanted(&r, o))
            continue;
        if (o->json)
            print_json(&r, first);
        else
            print_socket(&r, o);
        first = false;
    }
}

static void
show_links(char *text, const struct ss_options *o)
{
    struct record r;
    bool first = true;

    while (next_record(&text, &r)) {
        const char *kind = r.n > 0 ? r.fields[0].name : "";

        if (strcmp(kind, "route") == 0 ? !o->routes : !o->links)
            continue;
        if (o->json) {
            print_json(&r, first);
        } else if (strcmp(kind, "link") == 0) {
            printf("%s: %s mtu %s packets in %s out %s\n", value_of(&r, "link"),
                   value_of(&r, "device"), value_of(&r, "mtu"), value_of(&r, "packets-in"),
                   value_of(&r, "packets-out"));
        } else if (strcmp(kind, "address") == 0) {
            printf("    %s/%s\n", value_of(&r, "address"), value_of(&r, "length"));
        } else {
            printf("%s IPv%s dev %s\n", value_of(&r, "route"), value_of(&r, "family"),
                   value_of(&r, "link"));
        }
        first = false;
    }
}

static int
finish(const char *command)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return complain(command, "cannot write to standard output");
}

/* --- the commands --- */

static const char ss_help[] =
    "usage: estab ss --control PATH [OPTION]...\n"
    "Shows the sockets of a running host, as ss(8) does the kernel's: those that are connected, or\n"
    "  -l, --listening   those that wait for somebody\n"
    "  -a, --all         both\n"
    "  -t, --tcp         only TCP\n"
    "  -u, --udp         only UDP\n"
    "  -i, --info        with round trips, windows and congestion\n"
    "  -n, --numeric     no names (there never are)\n"
    "  -H, --no-header   no line above them\n"
    "      --links       the interface and addresses instead\n"
    "      --routes      the routes instead\n"
    "      --json        everything about them as a JSON array\n"
    "      --control PATH  the socket that the host was given with --control\n"
    "  -h, --help        this text\n";

static const char set_help[] =
    "usage: estab set --control PATH [KNOB VALUE]\n"
    "Changes a setting of a running host, or lists all of them.\n"
    "      --control PATH  the socket that the host was given with --control\n"
    "  -h, --help          this text\n";

enum { OPT_CONTROL = 256, OPT_LINKS, OPT_ROUTES, OPT_JSON };

int
estab_cmd_ss(int argc, char **argv)
{
    static const struct option longs[] = {
        { "listening", no_argument, NULL, 'l' },
        { "all", no_argument, NULL, 'a' },
        { "tcp", no_argument, NULL, 't' },
        { "udp", no_argument, NULL, 'u' },
        { "info", no_argument, NULL, 'i' },
        { "numeric", no_argument, NULL, 'n' },
        { "no-header", no_argument, NULL, 'H' },
        { "help", no_argument, NULL, 'h' },
        { "links", no_argument, NULL, OPT_LINKS },
        { "routes", no_argument, NULL, OPT_ROUTES },
        { "json", no_argument, NULL, OPT_JSON },
        { "control", required_argument, NULL, OPT_CONTROL },
        { NULL, 0, NULL, 0 },
    };
    struct ss_options o = { 0 };
    char *text;
    int c;

    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":latuinHh", longs, NULL)) != -1) {
        switch (c) {
        case 'l':
            o.listening = true;
            break;
        case 'a':
            o.all = true;
            break;
        case 't':
            o.tcp = true;
            break;
        case 'u':
            o.udp = true;
            break;
        case 'i':
            o.info = true;
            break;
        case 'n':
            break;
        case 'H':
            o.no_header = true;
            break;
        case OPT_LINKS:
            o.links = true;
            break;
        case OPT_ROUTES:
            o.routes = true;
            break;
        case OPT_JSON:
            o.json = true;
            break;
        case OPT_CONTROL:
            o.control = optarg;
            break;
        case 'h':
            fputs(ss_help, stdout);
            return finish("ss");
        default:
            complain("ss",
                     "%.100s: not an option, or its value is missing (estab ss --help lists them)",
                     argv[optind - 1]);
            return 2;
        }
    }
    if (optind < argc) {
        complain("ss", "%.100s: there are no operands", argv[optind]);
        return 2;
    }
    if (o.control == NULL) {
        complain("ss", "give --control PATH, as the host was started with");
        return 2;
    }
    text = ask("ss", o.control, o.links || o.routes ? "links" : "sockets");
    if (text == NULL)
        return 1;
    if (o.json)
        printf("[\n");
    if (o.links || o.routes)
        show_links(text, &o);
    else
        show_sockets(text, &o);
    if (o.json)
        printf("\n]\n");
    free(text);
    return finish("ss");
}

int
estab_cmd_set(int argc, char **argv)
{
    static const struct option longs[] = {
        { "help", no_argument, NULL, 'h' },
        { "control", required_argument, NULL, OPT_CONTROL },
        { NULL, 0, NULL, 0 },
    };
    const char *control = NULL;
    char request[CONTROL_REQUEST], *text, *rest;
    struct record r;
    int c;

    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        if (c == 'h') {
            fputs(set_help, stdout);
            return finish("set");
        }
        if (c != OPT_CONTROL) {
            complain("set",
                     "%.100s: not an option, or its value is missing (estab set --help lists them)",
                     argv[optind - 1]);
            return 2;
        }
        control = optarg;
    }
    if (control == NULL || (argc - optind != 0 && argc - optind != 2)) {
        complain("set", "give --control PATH, and a knob and its value or neither");
        return 2;
    }
    strcpy(request, "knobs");
    if (argc - optind == 2 &&
        (strpbrk(argv[optind], " \n") != NULL || strpbrk(argv[optind + 1], " \n") != NULL ||
         (size_t)snprintf(request, sizeof request - 1, "set %s %s", argv[optind],
                          argv[optind + 1]) >= sizeof request - 1)) {
        complain("set", "%.100s: not a knob and its value", argv[optind]);
        return 2;
    }
    text = ask("set", control, request);
    if (text == NULL)
        return 1;
    rest = text;
    while (next_record(&rest, &r))
        printf("%-20s %-10s %s\n", value_of(&r, "knob"), value_of(&r, "value"),
               value_of(&r, "help"));
    free(text);
    return finish("set");
}
