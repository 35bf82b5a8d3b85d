/* SPDX-License-Identifier: MIT */
/* A host for a command; see host.h. */
#include "cli/host.h"
#include "cli/secret.h"
#include "drivers/alloc.h"
#include "drivers/random.h"
#include "estab/estab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* --- signals --- */

static void
signal_arrived(void *ctx, uint32_t ready, estab_time now)
{
    struct host *host = ctx;
    struct signalfd_siginfo info;

    (void)ready;
    if (read(host->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    host->signalled = (int)info.ssi_signo;
    if (host->on_signal != NULL) {
        host->on_signal(host->ctx, now);
    } else {
        estab_stack_shutdown(host->stack, ESTAB_SHUTDOWN_RST, now);
        estab_loop_stop(host->loop);
    }
}

static int
take_signals(struct host *host, struct failure *why)
{
    struct sigaction hup;
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    /* nohup(1) means it. */
    if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return estab_fail(why, "cannot block signals: %s", strerror(errno));
    host->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (host->signal_fd < 0)
        return estab_fail(why, "cannot make a signalfd: %s", strerror(errno));
    return estab_loop_watch(host->loop, &host->signals, host->signal_fd, EPOLLIN, signal_arrived,
                            host, why);
}

/* --- trace --- */

/* Records are buffered and written some time later, so that a busy host does not pay a system call
 * for each turn and a quiet one can still be watched live. */
static void
flush_sinks(void *ctx, estab_time now)
{
    struct host *host = ctx;

    if (estab_sinks_flush(host->sinks, now, &host->failure) < 0 && !host->has_failed) {
        host->has_failed = true;
        estab_loop_stop(host->loop);
    }
}

static void
turn_ended(void *ctx, estab_time now)
{
    struct host *host = ctx;
    estab_time at;

    estab_join_turn(&host->join, now);
    if (host->on_turn != NULL)
        host->on_turn(host->ctx, now);
    if (host->sinks == NULL)
        return;
    at = estab_sinks_flush_at(host->sinks);
    if (at != ESTAB_NEVER && (!host->flush.listed || host->flush.at == ESTAB_NEVER))
        estab_loop_set_alarm(host->loop, &host->flush, at, flush_sinks, host);
}

/* --- device and addresses --- */

static int
configure_kernel_end(struct host *host, const struct options *options, struct failure *why)
{
    struct addressing *plan = &host->addressing;
    struct addressing kept = *plan;

    if (options->mtu != 0 && estab_tun_set_mtu(&host->tun, options->mtu, why) < 0)
        return -1;
    if (estab_tun_bring_up(&host->tun, why) < 0)
        return -1;
    kept.n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct link_address *at = &plan->at[i];

        if (estab_tun_add_address(&host->tun, &at->kernel, at->outside ? &at->own.addr : NULL,
                                  at->own.len, why) == 0)
            kept.at[kept.n++] = *at;
        else if (!plan->chosen_here || at->own.addr.family != ESTAB_INET6)
            return -1;
        /* A kernel without IPv6 is no reason to fail when nobody asked for IPv6. */
    }
    *plan = kept;
    if (plan->n == 0)
        return -1;
    return 0;
}

/* A device that the kernel goes on using: its addresses are its own, ours must be given. */
static int
open_packet(struct host *host, const struct options *options, uint32_t *mtu, uint32_t *largest,
            struct failure *why)
{
    if (options->n_addrs == 0 && !options->addr_auto)
        return estab_fail(why,
                          "--packet %s: say with --addr which address this host has there, or "
                          "--addr auto",
                          options->tun);
    strncpy(host->tun.name, options->tun, sizeof(host->tun.name) - 1);
    host->packet = estab_packet_open(options->tun, host->mac, mtu, why);
    if (host->packet == NULL)
        return -1;
    if (options->mtu > *mtu)
        return estab_fail(why, "--mtu %u: the device %s takes no more than %u", options->mtu,
                          options->tun, *mtu);
    if (options->mtu != 0)
        *mtu = options->mtu;
    *largest = ESTAB_PACKET_LARGEST;
    if (options->addr_auto)
        return estab_addressing_check(options, why);
    return estab_addressing_follow(&host->addressing, options, options->tun, why);
}

static int
open_device(struct host *host, const struct options *options, uint32_t *mtu, uint32_t *largest,
            struct failure *why)
{
    bool up;

    if (options->packet)
        return open_packet(host, options, mtu, largest, why);
    /* The DHCP client looks at packets before the stack does, with their checksums; and a capture is to
     * show them whole, those of the kernel too. */
    if (options->addr_auto || options->pcap != NULL) {
        if ((options->tap ? estab_tap_open : estab_tun_open)(&host->tun, options->tun, why) < 0)
            return -1;
    } else if (estab_tun_open_offload(&host->tun, options->tun, options->tap, why) < 0)
        return -1;
    if (host->tun.made && options->vlan != 0)
        return estab_fail(why, "--vlan %u: there is no device %s that carries it", options->vlan,
                          options->tun);
    if (host->tun.made && options->addr_auto)
        return estab_fail(why, "--addr auto: there is no device %s", options->tun);
    if (host->tun.made) {
        if (estab_addressing_plan(&host->addressing, options, estab_addressing_free_default(),
                                  why) < 0 ||
            configure_kernel_end(host, options, why) < 0)
            return -1;
    } else {
        if (estab_tun_is_up(&host->tun, &up, why) < 0)
            return -1;
        if (!up)
            return estab_fail(why, "the device %s is down: bring it up with 'ip link set %s up'",
                              host->tun.name, host->tun.name);
        if ((options->addr_auto
                 ? estab_addressing_check(options, why)
                 : estab_addressing_follow(&host->addressing, options, host->tun.name, why)) < 0)
            return -1;
    }
    if (estab_tun_mtu(&host->tun, largest, why) < 0)
        return -1;
    *mtu = options->mtu != 0 ? options->mtu : *largest;
    if (*mtu > 65535)
        *mtu = 65535;
    if (*largest < *mtu)
        *largest = *mtu;
    return 0;
}

static bool
is_ethernet(const struct options *options)
{
    return options->tap || options->packet;
}

static int
add_interface(struct host *host, const struct options *options, struct failure *why)
{
    struct estab_link link = { .mtu = host->mtu,
                               .offload = options->packet ? estab_packet_offload()
                                                          : estab_tun_offload(&host->tun) };
    int ifindex;

    for (size_t i = 0; i < host->addressing.n; i++)
        if (host->addressing.at[i].own.addr.family == ESTAB_INET6 && host->mtu < 1280)
            return estab_fail(why, "--mtu %u: IPv6 needs 1280 or more (-4 leaves IPv6 out)",
                              host->mtu);
    if (is_ethernet(options)) {
        link.kind = ESTAB_LINK_ETHERNET;
        memcpy(link.mac, host->mac, 6);
        link.autoconf = !options->only_ipv4;
        link.vlan = options->vlan;
        link.temporary = options->temporary;
    }
    ifindex = estab_stack_add_interface(host->stack, &link);
    if (ifindex < 0)
        return estab_fail(why, "cannot add the interface: %s", estab_err_text(ifindex));
    host->ifindex = (unsigned)ifindex;
    return 0;
}

static int
choose_mac(struct host *host, const struct options *options, struct failure *why)
{
    uint8_t any[32];

    if (estab_random_secret(any, why) < 0)
        return -1;
    /* With a secret that is kept it is the same each time (RFC 7217 §5 makes addresses of it). */
    if (options->secret != NULL &&
        estab_secret_load(host->config.identity, options->secret, why) < 0)
        return -1;
    if (options->mac_given)
        memcpy(host->mac, options->mac, 6);
    else
        estab_link_make_mac(host->mac, options->secret != NULL ? host->config.identity : any,
                            options->tun != NULL ? options->tun : "");
    return 0;
}

/* --- the whole --- */

static int
make(struct host *host, const struct options *options, bool keepalive, loop_events_fn *events,
     struct failure *why)
{
    struct packet_link port;
    uint32_t mtu = 0, largest = 0;

    estab_config_init(&host->config);
    if (estab_options_apply(options, keepalive, &host->config, why) < 0)
        return -1;
    host->loop = estab_loop_new(why);
    if (host->loop == NULL)
        return -1;
    if (choose_mac(host, options, why) < 0)
        return -1;
    if (open_device(host, options, &mtu, &largest, why) < 0)
        return -1;
    if (estab_sinks_open(&host->sinks, options, host->config.msl, estab_loop_now(host->loop), why) <
        0)
        return -1;
    /* Not earlier: opening a capture that is a FIFO waits for its reader and must be interruptible. */
    if (take_signals(host, why) < 0)
        return -1;
    if (estab_random_secret(host->config.secret, why) < 0)
        return -1;
    host->config.alloc = estab_alloc_system();
    if (host->sinks != NULL) {
        host->config.trace = estab_sinks_trace;
        host->config.trace_ctx = host->sinks;
    }
    estab_loop_each_turn(host->loop, turn_ended, host);
    host->stack = estab_stack_new(&host->config);
    if (host->stack == NULL)
        return estab_fail(why, "cannot make the stack: out of memory or a setting out of range");
    host->mtu = host->link_mtu = mtu;
    if (add_interface(host, options, why) < 0)
        return -1;
    if (options->packet)
        port = estab_packet_link(host->packet, mtu + ESTAB_LINK_HEADER_MAX);
    else if (options->tap)
        port = estab_tun_link(&host->tun, mtu + ESTAB_LINK_HEADER_MAX,
                              largest + ESTAB_LINK_HEADER_MAX);
    else
        port = estab_tun_link(&host->tun, mtu, largest);
    if (estab_join_begin(&host->join, host, options, &port, why) < 0)
        return -1;
    if (estab_loop_add_stack(host->loop, host->stack, events, host->ctx, why) < 0)
        return -1;
    if (estab_loop_add_link(host->loop, host->stack, host->ifindex, &port, why) < 0)
        return -1;
    if (estab_join_wait(&host->join, why) < 0)
        return -1;
    return estab_control_open(&host->control, host, options->control, why);
}

/* A descriptor that was closed when we started must not become the device or the capture: what is
 * written to standard output would go there. */
static int
reserve_standard_streams(struct failure *why)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            return estab_fail(why, "descriptor %d is closed and there is no /dev/null", fd);
    return 0;
}

int
estab_host_open(struct host *host, const struct options *options, bool keepalive,
                loop_events_fn *events, void *ctx, struct failure *why)
{
    *host = (struct host){ .tun = { .fd = -1 }, .signal_fd = -1, .ctx = ctx };
    if (reserve_standard_streams(why) == 0 && make(host, options, keepalive, events, why) == 0)
        return 0;
    estab_host_close(host, NULL);
    return -1;
}

int
estab_host_run(struct host *host, struct failure *why)
{
    int result = estab_loop_run(host->loop, why);

    if (host->has_failed)
        return estab_fail(why, "%s", host->failure.text);
    return result;
}

int
estab_host_close(struct host *host, struct failure *why)
{
    struct estab_stack_status status;
    bool has_status = host->stack != NULL;
    int result = 0;

    estab_control_close(&host->control);
    if (host->stack != NULL) {
        estab_stack_shutdown(host->stack, ESTAB_SHUTDOWN_RST, estab_loop_now(host->loop));
        /* Last words; when the device has gone there is nobody to hear them. */
        (void)estab_loop_flush(host->loop, NULL);
        estab_lease_end(&host->lease);
        estab_stack_status(host->stack, &status);
        estab_stack_free(host->stack);
        host->stack = NULL;
    }
    if (estab_sinks_close(host->sinks, has_status ? &status : NULL, why) < 0)
        result = -1;
    host->sinks = NULL;
    estab_loop_free(host->loop);
    host->loop = NULL;
    if (host->signal_fd >= 0)
        close(host->signal_fd);
    host->signal_fd = -1;
    estab_tun_close(&host->tun);
    estab_packet_close(host->packet);
    host->packet = NULL;
    return result;
}

const struct estab_addr *
estab_host_address(const struct host *host, unsigned family)
{
    for (size_t i = 0; i < host->addressing.n; i++)
        if (host->addressing.at[i].own.addr.family == family)
            return &host->addressing.at[i].own.addr;
    return NULL;
}
