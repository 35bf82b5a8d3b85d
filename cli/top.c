/* SPDX-License-Identifier: MIT */
/*
 * estab top: the connections of all running hosts (running.h), those that move most first, again and
 * again. Rates are differences between two looks; asking is asking.h.
 */
#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/numbers.h"
#include "cli/running.h"
#include "cli/ss_filter.h"
#include "cli/terminal.h"

#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_MAX = 4096, TEXT = 64 };

struct row {
    long pid;
    char sk[24], state[16], local[TEXT], remote[TEXT], command[RUNNING_COMMAND], timer[TEXT];
    uint64_t sent, received, cwnd, flight, lost, srtt_us;
    uint64_t out, in; /* octets a second */
};

/* What was seen at one moment. */
struct look {
    struct row row[ROWS_MAX];
    unsigned n, hosts, listening, time_wait, other, left_out;
    int64_t at_ns;
};

struct top_options {
    const char *control;
    unsigned pause_ms;
    uint64_t times; /* 0: until a signal or q */
    bool batch;
};

static volatile sig_atomic_t stopped;
static struct termios before;

static void
stop(int number)
{
    (void)number;
    stopped = 1;
}

static int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- a look --- */

static uint64_t
number(const struct ask_record *r, const char *name)
{
    return strtoull(estab_ask_value(r, name), NULL, 10);
}

static void
take_row(struct look *l, const struct running_host *host, const struct ask_record *r)
{
    const char *state = estab_ask_value(r, "state");
    struct row *row;

    if (strcmp(state, "LISTEN") == 0) {
        l->listening++;
        return;
    }
    if (strcmp(state, "TIME-WAIT") == 0) {
        l->time_wait++;
        return;
    }
    if (!estab_ask_has(r, "sk")) {
        l->other++;
        return;
    }
    if (l->n == ROWS_MAX) {
        l->left_out++;
        return;
    }
    row = &l->row[l->n++];
    *row = (struct row){ .pid = host->pid,
                         .sent = number(r, "sent"),
                         .received = number(r, "received"),
                         .cwnd = number(r, "cwnd"),
                         .flight = number(r, "flight"),
                         .lost = number(r, "lost"),
                         .srtt_us = number(r, "srtt-us") };
    snprintf(row->sk, sizeof row->sk, "%s", estab_ask_value(r, "sk"));
    snprintf(row->state, sizeof row->state, "%s", estab_ss_state(state));
    snprintf(row->command, sizeof row->command, "%s", host->command);
    snprintf(row->local, sizeof row->local, "%.50s:%.6s", estab_ask_value(r, "local"),
             estab_ask_value(r, "local-port"));
    snprintf(row->remote, sizeof row->remote, "%.50s:%.6s", estab_ask_value(r, "remote"),
             estab_ask_value(r, "remote-port"));
    if (estab_ask_has(r, "timer"))
        snprintf(row->timer, sizeof row->timer, "%.24s %.12sms", estab_ask_value(r, "timer"),
                 estab_ask_value(r, "timer-ms"));
}

/* The same connection in the look before, or NULL. */
static const struct row *
row_before(const struct look *l, const struct row *row)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->row[i].pid == row->pid && strcmp(l->row[i].sk, row->sk) == 0)
            return &l->row[i];
    return NULL;
}

static int
by_rate(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint64_t fast_x = x->out + x->in, fast_y = y->out + y->in;

    if (fast_x != fast_y)
        return fast_x < fast_y ? 1 : -1;
    if (x->sent + x->received != y->sent + y->received)
        return x->sent + x->received < y->sent + y->received ? 1 : -1;
    return strcmp(x->sk, y->sk);
}

static int
take_look(struct look *l, const struct look *last, const struct top_options *o)
{
    static struct running_host hosts[RUNNING_MAX];
    struct failure why;
    int n = 1;

    l->n = l->hosts = l->listening = l->time_wait = l->other = l->left_out = 0;
    l->at_ns = now_ns();
    if (o->control != NULL)
        estab_running_at(&hosts[0], o->control);
    else
        n = estab_running_list(hosts, &why);
    if (n < 0) {
        estab_ask_complain("top", "%s", why.text);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        char *text = estab_ask("top", hosts[i].path, "sockets"), *at = text;
        struct ask_record r;

        if (text == NULL && o->control != NULL)
            return 1;
        if (text == NULL)
            continue; /* it has just ended */
        l->hosts++;
        while (estab_ask_next(&at, &r))
            take_row(l, &hosts[i], &r);
        free(text);
    }
    for (unsigned i = 0; i < l->n; i++) {
        struct row *row = &l->row[i];
        const struct row *was = row_before(last, row);
        uint64_t ms = (uint64_t)((l->at_ns - last->at_ns) / 1000000);

        if (was == NULL || ms == 0)
            continue;
        row->out = row->sent > was->sent ? (row->sent - was->sent) * 1000 / ms : 0;
        row->in = row->received > was->received ? (row->received - was->received) * 1000 / ms : 0;
    }
    qsort(l->row, l->n, sizeof l->row[0], by_rate);
    return 0;
}

/* --- showing it --- */

static const char *
octets(char text[24], uint64_t n)
{
    static const char unit[] = " kMGTP";
    unsigned u = 0;

    if (n < 10000) {
        snprintf(text, 24, "%" PRIu64, n);
        return text;
    }
    while (n >= 10000 && u + 2 < sizeof unit) {
        n /= 1000;
        u++;
    }
    snprintf(text, 24, "%" PRIu64 "%c", n, unit[u]);
    return text;
}

static void
show(const struct look *l, unsigned lines, unsigned width)
{
    uint64_t out = 0, in = 0;
    char a[24], b[24], c[24], d[24], line[512];

    for (unsigned i = 0; i < l->n; i++) {
        out += l->row[i].out;
        in += l->row[i].in;
    }
    printf(
        "estab top: %u host%s, %u connection%s, %u listening, %u in TIME-WAIT, %u other; out %s/s, "
        "in %s/s\n\n",
        l->hosts, l->hosts == 1 ? "" : "s", l->n + l->left_out, l->n + l->left_out == 1 ? "" : "s",
        l->listening, l->time_wait, l->other, octets(a, out), octets(b, in));
    printf("%7s %-10s %22s %22s %7s %7s %9s %7s %7s %7s  %s\n", "PID", "State", "Local", "Peer",
           "Out/s", "In/s", "RTT ms", "cwnd", "flight", "lost", "Timer");
    for (unsigned i = 0; i < l->n && (lines == 0 || i + 4 < lines); i++) {
        const struct row *r = &l->row[i];
        char e[24];

        snprintf(line, sizeof line,
                 "%7ld %-10s %22s %22s %7s %7s %5" PRIu64 ".%03" PRIu64 " %7s %7s %7s  %s", r->pid,
                 r->state, r->local, r->remote, octets(a, r->out), octets(b, r->in),
                 r->srtt_us / 1000, r->srtt_us % 1000, octets(c, r->cwnd), octets(d, r->flight),
                 octets(e, r->lost), r->timer);
        if (width > 0 && strlen(line) > width)
            line[width] = '\0';
        printf("%s\n", line);
    }
}

static unsigned
terminal_lines(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

/* q, or a signal, ends it: false. */
static bool
wait_for(unsigned ms, bool has_keys)
{
    struct pollfd p = { .fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN };
    int64_t until = now_ns() + (int64_t)ms * 1000000, left;
    char key;

    while (!stopped && (left = until - now_ns()) > 0) {
        if (poll(&p, 1, (int)(left / 1000000) + 1) > 0 &&
            (read(STDIN_FILENO, &key, 1) != 1 || key == 'q'))
            return false;
    }
    return !stopped;
}

static int
run(const struct top_options *o)
{
    static struct look looks[2];
    const bool has_keys = !o->batch && isatty(STDIN_FILENO);
    int status = 0;

    for (uint64_t i = 0; status == 0 && (o->times == 0 || i < o->times); i++) {
        struct look *l = &looks[i % 2];

        if (i > 0 && !wait_for(o->pause_ms, has_keys))
            break;
        status = take_look(l, &looks[(i + 1) % 2], o);
        if (status != 0)
            break;
        if (!o->batch)
            printf("\033[H\033[J");
        else if (i > 0)
            printf("\n");
        show(l, o->batch ? 0 : terminal_lines(), o->batch ? 0 : terminal_width(STDOUT_FILENO));
        status = estab_ask_finish("top");
    }
    return status;
}

/* --- the command --- */

static const char top_help[] =
    "usage: estab top [OPTION]...\n"
    "Shows the connections of all hosts of yours that run, those that move most first; q ends it.\n"
    "  -d, --delay S     again every S seconds (1)\n"
    "  -n, --times N     N times, else until q or a signal\n"
    "  -b, --batch       one below the other, as when the output is no terminal\n"
    "      --control PATH  only the host that was given this with --control\n"
    "  -h, --help        this text\n";

/* -1: to go on, else the exit status. */
static int
take_options(struct top_options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "delay", required_argument, NULL, 'd' },   { "times", required_argument, NULL, 'n' },
        { "batch", no_argument, NULL, 'b' },         { "help", no_argument, NULL, 'h' },
        { "control", required_argument, NULL, 256 }, { NULL, 0, NULL, 0 },
    };
    double s;
    char *end;
    int c;

    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":d:n:bh", longs, NULL)) != -1) {
        switch (c) {
        case 'd':
            s = strtod(optarg, &end);
            if (end == optarg || *end != '\0' || !(s >= 0.1 && s <= 3600)) {
                estab_ask_complain("top", "-d %.100s: not a time, 0.1 to 3600 seconds", optarg);
                return 2;
            }
            o->pause_ms = (unsigned)(s * 1000);
            break;
        case 'n':
            if (!estab_parse_number(optarg, 1, UINT32_MAX, &o->times)) {
                estab_ask_complain("top", "-n %.100s: not a number of times", optarg);
                return 2;
            }
            break;
        case 'b':
            o->batch = true;
            break;
        case 256:
            o->control = optarg;
            break;
        case 'h':
            fputs(top_help, stdout);
            return estab_ask_finish("top");
        default:
            estab_ask_complain(
                "top",
                "%.100s: not an option, or its value is missing (estab top --help lists them)",
                argv[optind - 1]);
            return 2;
        }
    }
    if (optind < argc) {
        estab_ask_complain("top", "%.100s: there are no arguments", argv[optind]);
        return 2;
    }
    return -1;
}

int
estab_cmd_top(int argc, char **argv)
{
    struct top_options o = { .pause_ms = 1000, .batch = isatty(STDOUT_FILENO) == 0 };
    struct sigaction action = { .sa_handler = stop };
    int status = take_options(&o, argc, argv);
    bool is_raw;

    if (status >= 0)
        return status;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    is_raw = !o.batch && tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_raw) {
        struct termios keys = before;

        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    }
    status = run(&o);
    if (is_raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return status;
}
