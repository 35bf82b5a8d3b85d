/* SPDX-License-Identifier: MIT */
/*
 * estab demo: one connection from the first segment to the last. With the right to it the peer is
 * the kernel, behind a TUN device in a network namespace of our own; without, two estab hosts talk
 * over a wire in memory. Whatever happens, nothing is left behind but the capture.
 */
#include "cli/cli.h"
#include "cli/demo_show.h"
#include "cli/demo_web.h"
#include "cli/numbers.h"
#include "cli/terminal.h"
#include "drivers/alloc.h"
#include "drivers/memory.h"
#include "drivers/netns.h"
#include "drivers/random.h"
#include "drivers/tun.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MTU = 1500,
    PATIENCE_S = 20, /* for everything but TIME-WAIT */
};

struct demo_options {
    estab_time msl, delay; /* delay: of the wire in memory */
    const char *pcap;
    bool pcap_given, no_colour, ascii, in_process, fast;
    size_t size;
};

struct demo {
    struct demo_options options;
    struct demo_show *show;
    struct demo_document document;
    struct loop *loop;
    struct estab_stack *stack[2]; /* the server's is NULL when the kernel serves */
    struct tun tun;
    struct memory_wire *wire;
    struct demo_client client;
    struct demo_server server;
    pid_t child; /* 0: none */
    struct loop_alarm patience, heartbeat;
    struct loop_watch signals;
    int signal_fd, signalled;
    bool is_late;
    struct failure turn_failure;
    bool turn_failed;
};

/* ---- command line ---- */

static void
help(void)
{
    printf("usage: estab demo [OPTION]...\n"
           "A connection from the first segment to the last: handshake, a document over HTTP/1.1,\n"
           "close, TIME-WAIT; drawn and explained while it happens.\n\n"
           "  --msl TIME    maximum segment lifetime; TIME-WAIT lasts twice as long (1s)\n"
           "  --fast        as quick as can be: MSL 100ms, no delay on the wire in memory\n"
           "  --pcap FILE   the capture to write (demo.pcapng); - for none\n"
           "  --size N      octets of the document, up to 100000000 (100000)\n"
           "  --in-process  two estab hosts in this process, even with the right to a TUN device\n"
           "  --no-color    no colours, as with NO_COLOR in the environment\n"
           "  --ascii       nothing but ASCII\n"
           "  --help        this text\n");
}

static int
usage_error(const char *option, const char *value, const char *what)
{
    if (value != NULL)
        fprintf(stderr, "estab demo: --%s %.200s: %s\n", option, value, what);
    else
        fprintf(stderr, "estab demo: %.200s: %s (estab demo --help lists the options)\n", option,
                what);
    return 2;
}

/* Takes the option's value: "--msl 2s" or "--msl=2s"; NULL: it has none. */
static const char *
value_of(char **argv, int argc, int *i)
{
    const char *equals = strchr(argv[*i], '=');

    if (equals != NULL)
        return equals + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool
is_option(const char *arg, const char *name, bool has_value)
{
    size_t len = strlen(name);

    return strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, len) == 0 &&
           (arg[2 + len] == '\0' || (has_value && arg[2 + len] == '='));
}

/* -1: go on; else the exit status. */
static int
parse(struct demo_options *o, int argc, char **argv)
{
    const char *value;
    bool msl_given = false;
    uint64_t n;

    *o = (struct demo_options){
        .msl = ESTAB_SEC(1), .delay = ESTAB_MS(10), .pcap = "demo.pcapng", .size = 100000
    };
    o->no_colour = !terminal_has_colour(STDOUT_FILENO);
    o->ascii = terminal_is_ascii_only();
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (strcmp(arg, "-h") == 0 || is_option(arg, "help", false)) {
            help();
            return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
        } else if (is_option(arg, "fast", false)) {
            o->fast = true;
        } else if (is_option(arg, "no-color", false) || is_option(arg, "no-colour", false)) {
            o->no_colour = true;
        } else if (is_option(arg, "ascii", false)) {
            o->ascii = true;
        } else if (is_option(arg, "in-process", false)) {
            o->in_process = true;
        } else if (is_option(arg, "msl", true)) {
            value = value_of(argv, argc, &i);
            if (value == NULL || !estab_parse_duration(value, &o->msl) || o->msl > ESTAB_SEC(3600))
                return usage_error("msl", value != NULL ? value : "",
                                   "a time up to 1 h is wanted, such as 1s or 500ms");
            msl_given = true;
        } else if (is_option(arg, "size", true)) {
            value = value_of(argv, argc, &i);
            if (value == NULL || !estab_parse_number(value, 1, 100000000, &n))
                return usage_error("size", value != NULL ? value : "",
                                   "a number of octets, 1 to 100000000, is wanted");
            o->size = (size_t)n;
        } else if (is_option(arg, "pcap", true)) {
            o->pcap = value_of(argv, argc, &i);
            if (o->pcap == NULL || *o->pcap == '\0')
                return usage_error("pcap", "", "the name of a file is wanted");
            o->pcap_given = true;
        } else {
            return usage_error(arg, NULL, "unknown option");
        }
    }
    if (o->fast) {
        o->delay = ESTAB_US(50);
        if (!msl_given)
            o->msl = ESTAB_MS(100);
    }
    if (strcmp(o->pcap, "-") == 0)
        o->pcap = NULL;
    return -1;
}

/* ---- the hosts ---- */

static struct estab_stack *
make_stack(struct demo *d, uint32_t host, unsigned last, struct failure *why)
{
    const struct estab_addr addr = estab_addr_v4(10, 9, 0, (uint8_t)last);
    const struct estab_link link = { .mtu = MTU };
    struct estab_config config;
    struct estab_stack *stack;
    int ifindex, error;

    estab_config_init(&config);
    if (estab_random_secret(config.secret, why) < 0)
        return NULL;
    config.alloc = estab_alloc_system();
    config.trace = estab_demo_show_trace;
    config.trace_ctx = d->show;
    config.host = host;
    config.msl = d->options.msl;
    stack = estab_stack_new(&config);
    if (stack == NULL) {
        (void)estab_fail(why, "cannot make the stack: out of memory");
        return NULL;
    }
    ifindex = estab_stack_add_interface(stack, &link);
    error = ifindex < 0 ? ifindex : estab_stack_add_address(stack, (unsigned)ifindex, &addr, 24);
    if (error < 0) {
        estab_stack_free(stack);
        (void)estab_fail(why, "cannot make the stack: %s", estab_err_text(error));
        return NULL;
    }
    return stack;
}

/* The document's kernel server and the device towards it, in a namespace of our own. */
static int
open_kernel_world(struct demo *d, struct failure *why)
{
    const struct estab_addr kernel = estab_addr_v4(10, 9, 0, 1);

    if (estab_netns_enter(why) < 0 || estab_tun_open(&d->tun, NULL, why) < 0 ||
        estab_tun_set_mtu(&d->tun, MTU, why) < 0 || estab_tun_bring_up(&d->tun, why) < 0 ||
        estab_tun_add_address(&d->tun, &kernel, NULL, 24, why) < 0)
        return -1;
    return 0;
}

static int
start_kernel_world(struct demo *d, struct failure *why)
{
    struct packet_link link = estab_tun_link(&d->tun, MTU, MTU);

    d->stack[0] = make_stack(d, 0, 2, why);
    if (d->stack[0] == NULL)
        return -1;
    d->child = estab_demo_kernel_server(&d->document, &d->client.server, why);
    if (d->child < 0) {
        d->child = 0;
        return -1;
    }
    if (estab_loop_add_stack(d->loop, d->stack[0], estab_demo_client_events, &d->client, why) < 0)
        return -1;
    return estab_loop_add_link(d->loop, d->stack[0], 1, &link, why);
}

static int
start_memory_world(struct demo *d, struct failure *why)
{
    struct packet_link link;

    d->wire = estab_memory_new(MTU, d->options.delay, 1024);
    if (d->wire == NULL)
        return estab_fail(why, "out of memory");
    for (uint32_t host = 0; host < 2; host++) {
        d->stack[host] = make_stack(d, host, host == 0 ? 2 : 1, why);
        if (d->stack[host] == NULL)
            return -1;
        link = estab_memory_link(d->wire, host);
        if (estab_loop_add_stack(d->loop, d->stack[host],
                                 host == 0 ? estab_demo_client_events : estab_demo_server_events,
                                 host == 0 ? (void *)&d->client : (void *)&d->server, why) < 0 ||
            estab_loop_add_link(d->loop, d->stack[host], 1, &link, why) < 0)
            return -1;
    }
    d->server.loop = d->loop;
    d->server.stack = d->stack[1];
    d->server.doc = &d->document;
    return estab_demo_server_start(&d->server, &d->client.server, estab_loop_now(d->loop), why);
}

/* ---- while it runs ---- */

static bool
is_over(const struct estab_stack *stack)
{
    struct estab_stack_status s;

    estab_stack_status(stack, &s);
    return s.connections + s.half_open + s.time_wait == 0;
}

static void
turn_ended(void *ctx, estab_time now)
{
    struct demo *d = ctx;

    if (estab_demo_show_turn(d->show, now, &d->turn_failure) < 0) {
        d->turn_failed = true;
        estab_loop_stop(d->loop);
    }
    if (d->client.is_released && is_over(d->stack[0]) &&
        (d->stack[1] == NULL || is_over(d->stack[1])))
        estab_loop_stop(d->loop);
}

static void
beat(void *ctx, estab_time now)
{
    struct demo *d = ctx;

    estab_loop_set_alarm(d->loop, &d->heartbeat, now + ESTAB_MS(250), beat, d);
}

static void
too_late(void *ctx, estab_time now)
{
    struct demo *d = ctx;

    (void)now;
    d->is_late = true;
    estab_loop_stop(d->loop);
}

static void
signal_came(void *ctx, uint32_t ready, estab_time now)
{
    struct demo *d = ctx;
    struct signalfd_siginfo info;

    (void)ready;
    (void)now;
    if (read(d->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        d->signalled = (int)info.ssi_signo;
    estab_loop_stop(d->loop);
}

static int
take_signals(struct demo *d, struct failure *why)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d->signal_fd < 0)
        return estab_fail(why, "cannot watch for signals");
    return estab_loop_watch(d->loop, &d->signals, d->signal_fd, EPOLLIN, signal_came, d, why);
}

static int
run(struct demo *d, struct failure *why)
{
    estab_time now = estab_loop_now(d->loop);

    d->client.loop = d->loop;
    d->client.stack = d->stack[0];
    estab_loop_each_turn(d->loop, turn_ended, d);
    estab_loop_set_alarm(d->loop, &d->patience,
                         now + ESTAB_SEC(PATIENCE_S) + (estab_time)(d->options.size * 1000) +
                             2 * d->options.msl,
                         too_late, d);
    beat(d, now);
    if (estab_demo_client_start(&d->client, now, why) < 0 || estab_loop_run(d->loop, why) < 0)
        return -1;
    if (d->turn_failed)
        return estab_fail(why, "%s", d->turn_failure.text);
    if (d->client.has_failed)
        return estab_fail(why, "%s", d->client.failure.text);
    if (d->is_late)
        return estab_fail(why, "not finished after %d s: given up", PATIENCE_S);
    return 0;
}

/* ---- the end ---- */

static void
summarize(const struct demo *d)
{
    const struct demo_counts *c = estab_demo_show_counts(d->show);
    const char *capture = estab_demo_show_capture(d->show);

    estab_demo_show_line(d->show, "%s", "");
    estab_demo_show_line(d->show,
                         "  %zu octet%s of document, CRC-32 %08x on both ends; "
                         "%llu packets on the wire%s",
                         d->document.size, d->document.size == 1 ? "" : "s",
                         (unsigned)d->client.crc, c->packets,
                         c->repeats > 0 ? ", some of them repeated" : "");
    estab_demo_show_line(d->show,
                         "  %u segments opened the connection, %u closed it, and TIME-WAIT lasted "
                         "%lld.%03lld s",
                         c->opening, c->closing, (long long)(c->time_wait / 1000000000),
                         (long long)(c->time_wait % 1000000000 / 1000000));
    if (capture != NULL)
        estab_demo_show_line(d->show,
                             "  %s has it all, each packet with its reason:\n"
                             "    tshark -r %s -T fields -e frame.number -e frame.comment",
                             capture, capture);
}

static int
finish(struct demo *d, struct failure *why)
{
    struct estab_stack_status status[2];
    const struct estab_stack_status *shown[2] = { NULL, NULL };

    for (unsigned host = 0; host < 2; host++)
        if (d->stack[host] != NULL) {
            estab_stack_status(d->stack[host], &status[host]);
            shown[host] = &status[host];
        }
    if (estab_demo_show_finish(d->show, shown, why) < 0)
        return -1;
    summarize(d);
    return estab_demo_show_turn(d->show, estab_loop_now(d->loop), why);
}

static void
clean_up(struct demo *d)
{
    /* An end before its time: the peer is told. */
    for (unsigned host = 0; host < 2; host++)
        if (d->stack[host] != NULL)
            estab_stack_shutdown(d->stack[host], ESTAB_SHUTDOWN_RST, estab_loop_now(d->loop));
    if (d->loop != NULL)
        (void)estab_loop_flush(d->loop, NULL);
    if (d->child > 0)
        (void)estab_netns_end(d->child, 200);
    for (unsigned host = 0; host < 2; host++)
        if (d->stack[host] != NULL)
            estab_stack_free(d->stack[host]);
    if (d->loop != NULL)
        estab_loop_free(d->loop);
    estab_memory_free(d->wire);
    estab_tun_close(&d->tun);
    if (d->signal_fd >= 0)
        close(d->signal_fd);
    estab_demo_document_close(&d->document);
    estab_demo_show_close(d->show);
}

static void
introduce(struct demo *d, bool in_process, const struct failure *no_right)
{
    double msl = (double)d->options.msl / 1e9;

    if (!in_process)
        estab_demo_show_line(d->show,
                             "estab, in this process, fetches a document from a server on the "
                             "kernel's sockets.\nBetween them: a TUN device in a network namespace "
                             "of our own.");
    else
        estab_demo_show_line(d->show,
                             "%s%sTwo estab hosts in this process, a wire in memory between them: "
                             "the client\nfetches a document from the server.",
                             no_right->text, *no_right->text != '\0' ? ".\n" : "");
    estab_demo_show_line(d->show,
                         "The MSL is %g s here and not the usual 30 s, so TIME-WAIT lasts %g s.\n",
                         msl, 2 * msl);
}

static int
demo(struct demo *d, struct failure *why)
{
    struct failure no_right = { "" };
    struct demo_show_options show;
    bool in_process = d->options.in_process;

    if (!in_process && open_kernel_world(d, &no_right) < 0) {
        estab_tun_close(&d->tun);
        in_process = true;
    }
    d->loop = estab_loop_new(why);
    if (d->loop == NULL || take_signals(d, why) < 0)
        return -1;
    show = (struct demo_show_options){
        .colour = !d->options.no_colour,
        .ascii = d->options.ascii,
        .both = in_process,
        .pcap = d->options.pcap,
        .pcap_is_wanted = d->options.pcap_given,
        .msl = d->options.msl,
        .now = estab_loop_now(d->loop),
    };
    if (estab_demo_show_open(&d->show, &show, why) < 0 ||
        estab_demo_document_make(&d->document, d->options.size, why) < 0)
        return -1;
    introduce(d, in_process, &no_right);
    d->client.server = (struct estab_endpoint){ .addr = estab_addr_v4(10, 9, 0, 1), .port = 80 };
    if ((in_process ? start_memory_world(d, why) : start_kernel_world(d, why)) < 0 ||
        run(d, why) < 0)
        return -1;
    if (d->signalled != 0)
        return 0;
    return finish(d, why);
}

int
estab_cmd_demo(int argc, char **argv)
{
    struct demo d = { .tun = { .fd = -1 }, .document = { .fd = -1 }, .signal_fd = -1 };
    struct failure why = { "" };
    int result = parse(&d.options, argc, argv);

    if (result >= 0)
        return result;
    result = demo(&d, &why);
    if (d.show != NULL && (result < 0 || d.signalled != 0))
        (void)estab_demo_show_turn(d.show, estab_loop_now(d.loop), NULL);
    clean_up(&d);
    if (d.signalled != 0) {
        fprintf(stderr, "estab demo: interrupted; nothing is left behind\n");
        return 128 + d.signalled;
    }
    if (result < 0)
        fprintf(stderr, "estab demo: %s\n", why.text);
    return result < 0 ? 1 : 0;
}
