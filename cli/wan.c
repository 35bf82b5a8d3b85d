/* SPDX-License-Identifier: MIT */
/*
 * estab wan: two TUN devices, and between them the path of sim/path.h on the machine's clock. What
 * the kernel sends into one device comes out of the other when and as the path says.
 */
#include "cli/cli.h"
#include "cli/wan_options.h"
#include "drivers/alloc.h"
#include "drivers/netns.h"
#include "drivers/tun.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Packets read from a device before the clock is read, so that the first has not become older than
 * some microseconds; batches read before the other device has its turn; packets delivered before
 * the devices are looked at again. */
enum { BATCH = 8, BATCHES = 4, DELIVERIES = 256, LARGEST = 65535 };

struct wan {
    struct wan_options o;
    struct tun tun[2];
    struct packet_link link[2];
    struct sim_path *path;
    uint32_t largest;
    estab_time started, ends;
    uint64_t refused[2]; /* packets the device `i` would not take */
    struct estab_frame frames[BATCH];
    uint8_t *buffer;
};

static volatile sig_atomic_t stopping, report_wanted;

static void
on_stop(int number)
{
    (void)number;
    stopping = 1;
}

static void
on_report(int number)
{
    (void)number;
    report_wanted = 1;
}

static estab_time
clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (estab_time)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- the devices --- */

static int
add_addresses(const struct wan *wan, unsigned i, struct failure *why)
{
    const struct wan_end *end = &wan->o.end[i];

    for (size_t a = 0; a < end->n_addrs; a++)
        if (estab_tun_add_address(&wan->tun[i], &end->addrs[a].addr, NULL, end->addrs[a].len, why) <
            0)
            return -1;
    return 0;
}

/* In the namespace of the end. A device that was there keeps its configuration. */
static int
open_device(struct wan *wan, unsigned i, struct failure *why)
{
    const struct wan_end *end = &wan->o.end[i];
    struct tun *tun = &wan->tun[i];
    uint32_t mtu;
    bool up;

    if (estab_tun_open(tun, end->device, why) < 0)
        return -1;
    if (tun->made) {
        if (wan->o.mtu != 0 && estab_tun_set_mtu(tun, wan->o.mtu, why) < 0)
            return -1;
        if (estab_tun_bring_up(tun, why) < 0 || add_addresses(wan, i, why) < 0)
            return -1;
    } else if (end->n_addrs > 0 || wan->o.mtu != 0) {
        return estab_fail(why,
                          "the device %s was there before: its addresses and MTU are yours to "
                          "set",
                          tun->name);
    }
    if (estab_tun_mtu(tun, &mtu, why) < 0 || estab_tun_is_up(tun, &up, why) < 0)
        return -1;
    if (!up)
        return estab_fail(why, "the device %s is down", tun->name);
    if (mtu > wan->largest)
        wan->largest = mtu;
    wan->link[i] = estab_tun_link(tun, mtu, LARGEST);
    return 0;
}

static void
give_address(struct wan_end *end, const char *text)
{
    struct prefix *p = &end->addrs[end->n_addrs++];

    (void)!estab_addr_parse_prefix(&p->addr, &p->len, text);
}

/* Two ends in different namespaces are two hosts: they get addresses unless some were given. */
static void
default_addresses(struct wan_options *o)
{
    static const char *const v4[] = { "10.8.0.1/24", "10.8.0.2/24" };
    static const char *const v6[] = { "fd00:8::1/64", "fd00:8::2/64" };

    if (o->end[0].n_addrs + o->end[1].n_addrs != 0)
        return;
    for (unsigned i = 0; i < 2; i++) {
        give_address(&o->end[i], v4[i]);
        if (o->mtu == 0 || o->mtu >= 1280)
            give_address(&o->end[i], v6[i]);
    }
}

static bool
are_the_same(int a, int b)
{
    struct stat s, t;

    return fstat(a, &s) == 0 && fstat(b, &t) == 0 && s.st_ino == t.st_ino && s.st_dev == t.st_dev;
}

static bool
exists(const char *device)
{
    return if_nametoindex(device) != 0;
}

static int
open_devices_in(struct wan *wan, int home, const int ns[2], struct failure *why)
{
    bool there = false;
    int result = 0;

    for (unsigned i = 0; i < 2 && result == 0; i++) {
        result = estab_netns_switch(ns[i], why);
        there = there || (result == 0 && exists(wan->o.end[i].device));
    }
    if (!there && !are_the_same(ns[0], ns[1]))
        default_addresses(&wan->o);
    for (unsigned i = 0; i < 2 && result == 0; i++) {
        result = estab_netns_switch(ns[i], why);
        if (result == 0)
            result = open_device(wan, i, why);
    }
    if (estab_netns_switch(home, result == 0 ? why : NULL) < 0)
        return -1;
    return result;
}

static int
open_devices(struct wan *wan, struct failure *why)
{
    int home = estab_netns_open("", why), ns[2] = { -1, -1 }, result = -1;

    if (home < 0)
        return -1;
    if ((ns[0] = estab_netns_open(wan->o.end[0].netns, why)) >= 0 &&
        (ns[1] = estab_netns_open(wan->o.end[1].netns, why)) >= 0) {
        /* Without a namespace in sight nobody needs the right to enter one. */
        if (are_the_same(home, ns[0]) && are_the_same(home, ns[1]))
            result = open_device(wan, 0, why) < 0 ? -1 : open_device(wan, 1, why);
        else
            result = open_devices_in(wan, home, ns, why);
    }
    for (unsigned i = 0; i < 2; i++)
        if (ns[i] >= 0)
            close(ns[i]);
    close(home);
    return result;
}

/* --- what is said --- */

static const char *const direction_names[] = { "up", "down" };

static void
say_start(const struct wan *wan)
{
    char way[2][400], addr[ESTAB_ADDR_TEXT];

    fprintf(stderr, "estab wan:");
    for (unsigned i = 0; i < 2; i++) {
        const struct wan_end *end = &wan->o.end[i];

        estab_wan_describe(&wan->o, i, wan->largest, way[i], sizeof way[i]);
        fprintf(stderr, "%s%s%s%s", i == 0 ? " " : " <-> ", end->netns,
                end->netns[0] != '\0' ? ":" : "", end->device);
        for (size_t a = 0; a < end->n_addrs; a++)
            fprintf(stderr, "%s%s%s", a == 0 ? " (" : ", ",
                    estab_addr_format(&end->addrs[a].addr, addr), a + 1 == end->n_addrs ? ")" : "");
    }
    if (strcmp(way[0], way[1]) == 0)
        fprintf(stderr, ": each way %s\n", way[0]);
    else
        fprintf(stderr, ": up %s; down %s\n", way[0], way[1]);
}

static void
report_json(const struct wan *wan, double seconds)
{
    fprintf(stderr, "{\"seconds\":%.3f,\"seed\":%" PRIu64, seconds, wan->o.seed);
    for (unsigned d = 0; d < 2; d++) {
        struct sim_path_counts c;

        sim_path_counts(wan->path, d, &c);
        fprintf(stderr,
                ",\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"delivered\":%" PRIu64
                ",\"delivered_bytes\":%" PRIu64 ",\"queue_full\":%" PRIu64 ",\"lost\":%" PRIu64
                ",\"duplicated\":%" PRIu64 ",\"corrupted\":%" PRIu64 ",\"reordered\":%" PRIu64
                ",\"no_memory\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"on_the_way\":%" PRIu32
                ",\"late\":%" PRIu64 ",\"late_mean_ms\":%.4f,\"late_most_ms\":%.4f}",
                direction_names[d], c.packets, c.bytes, c.delivered, c.delivered_bytes,
                c.queue_full, c.lost, c.duplicated, c.corrupted, c.reordered, c.no_memory,
                wan->refused[1 - d], sim_path_on_the_way(wan->path, d), c.late,
                c.delivered != 0 ? (double)c.late_sum / (double)c.delivered / 1e6 : 0.0,
                (double)c.late_most / 1e6);
    }
    fprintf(stderr, "}\n");
}

static void
report(const struct wan *wan)
{
    double seconds = (double)(clock_now() - wan->started) / 1e9;

    if (wan->o.json) {
        report_json(wan, seconds);
        return;
    }
    for (unsigned d = 0; d < 2; d++) {
        struct sim_path_counts c;

        sim_path_counts(wan->path, d, &c);
        fprintf(stderr,
                "%-4s %" PRIu64 " packets, %" PRIu64 " octets in %.1f s; delivered %" PRIu64
                " (%.3f Mbit/s); queue full %" PRIu64 ", lost %" PRIu64 ", duplicated %" PRIu64
                ", corrupted %" PRIu64 ", reordered %" PRIu64 ", no memory %" PRIu64
                ", refused %" PRIu64 ", on the way %" PRIu32
                "; late by %.3f ms on average, %.3f ms at most, %" PRIu64 " by more than 0.2 ms\n",
                direction_names[d], c.packets, c.bytes, seconds, c.delivered,
                seconds > 0 ? (double)c.delivered_bytes * 8 / seconds / 1e6 : 0.0, c.queue_full,
                c.lost, c.duplicated, c.corrupted, c.reordered, c.no_memory, wan->refused[1 - d],
                sim_path_on_the_way(wan->path, d),
                c.delivered != 0 ? (double)c.late_sum / (double)c.delivered / 1e6 : 0.0,
                (double)c.late_most / 1e6, c.late);
    }
}

/* --- the loop --- */

static int
read_device(struct wan *wan, unsigned i, struct failure *why)
{
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        ptrdiff_t n = wan->link[i].receive(wan->link[i].ctx, wan->frames, BATCH, 0, why);
        estab_time now = clock_now();

        if (n < 0)
            return -1;
        for (ptrdiff_t f = 0; f < n; f++)
            sim_path_send(wan->path, i, wan->frames[f].data, wan->frames[f].len, now);
        if (n < BATCH)
            break;
    }
    return 0;
}

static int
deliver(struct wan *wan, struct failure *why)
{
    uint8_t *packet;
    unsigned direction;
    uint32_t len;

    for (unsigned i = 0;
         i < DELIVERIES && sim_path_next(wan->path, clock_now(), &direction, &packet, &len); i++) {
        struct packet_link *to = &wan->link[1 - direction];
        struct estab_frame frame = { .data = packet, .cap = len, .len = len };
        ptrdiff_t n;

        n = to->transmit(to->ctx, &frame, 1, 0, why);
        if (n < 0)
            return -1;
        wan->refused[1 - direction] += n == 0;
    }
    return 0;
}

/* Waits for a packet, for the next that is due, or for a signal, which come only here. */
static int
wait_for_news(struct wan *wan, struct pollfd fds[2], const sigset_t *signals, struct failure *why)
{
    estab_time now = clock_now(), until = sim_path_due(wan->path), left;
    struct timespec timeout;

    if (wan->ends < until)
        until = wan->ends;
    left = until > now ? until - now : 0;
    timeout = (struct timespec){ .tv_sec = (time_t)(left / 1000000000),
                                 .tv_nsec = (long)(left % 1000000000) };
    if (ppoll(fds, 2, until == ESTAB_NEVER ? NULL : &timeout, signals) >= 0)
        return 0;
    fds[0].revents = fds[1].revents = 0;
    return errno == EINTR ? 0 : estab_fail(why, "cannot wait: %s", strerror(errno));
}

static int
run(struct wan *wan, const sigset_t *signals, struct failure *why)
{
    struct pollfd fds[2] = { { .fd = wan->tun[0].fd, .events = POLLIN },
                             { .fd = wan->tun[1].fd, .events = POLLIN } };

    while (!stopping && clock_now() < wan->ends) {
        if (wait_for_news(wan, fds, signals, why) < 0)
            return -1;
        if (report_wanted) {
            report_wanted = 0;
            report(wan);
        }
        for (unsigned i = 0; i < 2; i++)
            if (fds[i].revents != 0 && read_device(wan, i, why) < 0)
                return -1;
        if (deliver(wan, why) < 0)
            return -1;
    }
    return 0;
}

/* Signals come while we wait and at no other time: nothing else is ever interrupted. */
static void
catch_signals(sigset_t *while_waiting)
{
    static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_stop };
    sigset_t ours;

    sigemptyset(&ours);
    for (unsigned i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        sigaction(stops[i], &action, NULL);
        sigaddset(&ours, stops[i]);
    }
    action.sa_handler = on_report;
    sigaction(SIGUSR1, &action, NULL);
    sigaddset(&ours, SIGUSR1);
    sigprocmask(SIG_BLOCK, &ours, while_waiting);
    for (unsigned i = 0; i < sizeof stops / sizeof stops[0]; i++)
        sigdelset(while_waiting, stops[i]);
    sigdelset(while_waiting, SIGUSR1);
}

/* The kernel may be 50 us late with every timer unless told otherwise, and by milliseconds where
 * others want the processor too. These are only wishes: the counts say how late we were. */
static void
ask_for_punctuality(void)
{
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    (void)setpriority(PRIO_PROCESS, 0, -19);
    (void)sched_setscheduler(0, SCHED_RR, &(struct sched_param){ .sched_priority = 1 });
}

static int
prepare(struct wan *wan, struct failure *why)
{
    const struct estab_alloc alloc = estab_alloc_system();
    struct sim_path_config cfg;

    if (open_devices(wan, why) < 0)
        return -1;
    cfg = estab_wan_path(&wan->o, wan->largest);
    wan->buffer = malloc(BATCH * (size_t)LARGEST);
    wan->path = sim_path_new(&alloc, &cfg);
    if (wan->buffer == NULL || wan->path == NULL)
        return estab_fail(why, "out of memory");
    for (size_t i = 0; i < BATCH; i++)
        wan->frames[i] = (struct estab_frame){ .data = wan->buffer + i * LARGEST, .cap = LARGEST };
    return 0;
}

int
estab_cmd_wan(int argc, char **argv)
{
    struct wan wan = { .tun = { { .fd = -1 }, { .fd = -1 } } };
    sigset_t while_waiting;
    struct failure why;
    int status = estab_wan_options(&wan.o, argc, argv);

    if (status >= 0)
        return status;
    status = 1;
    catch_signals(&while_waiting);
    if (prepare(&wan, &why) == 0) {
        ask_for_punctuality();
        wan.started = clock_now();
        wan.ends = wan.o.duration != 0 ? wan.started + wan.o.duration : ESTAB_NEVER;
        if (!wan.o.quiet)
            say_start(&wan);
        status = run(&wan, &while_waiting, &why) < 0;
        report(&wan);
    }
    if (status != 0)
        estab_command_error(&estab_wan_command, "%s", why.text);
    sim_path_free(wan.path);
    free(wan.buffer);
    for (unsigned i = 0; i < 2; i++)
        estab_tun_close(&wan.tun[i]);
    return status;
}
