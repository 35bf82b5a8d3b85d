/* SPDX-License-Identifier: MIT */
/*
 * The workloads of bench.c with the kernel's TCP at both ends, for bench/peers: a veth pair between two
 * network namespaces of its own, MTU 1500, without offload: every segment is a packet, and checksums
 * are computed. CPU time of the process, kernel included.
 *
 *   bench --only NAME [--ms MS]    prints `NAME: value unit, ...`; exit status 77: no right to a namespace, or
 *                                  to so many descriptors
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MTU 1500
#define PORT 80
#define BATCH 64
#define RING (256 * 1024)

static uint64_t budget_ns = 400000000, begun, done, accepted;
static int server, events, home, away; /* namespaces of the clients and of the server */
static int *end_of; /* of an accepted connection: -1; of one that opened: its number */

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t
cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool
goes_on(void)
{
    return cpu_ns() - begun < budget_ns;
}

static void
set_sysctl(const char *name, const char *value)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "/proc/sys/net/%s", name);
    f = fopen(path, "w");
    if (f == NULL || fputs(value, f) < 0 || fclose(f) != 0)
        die(path);
}

static void
enter(int namespace)
{
    if (setns(namespace, CLONE_NEWNET) != 0)
        die("setns");
}

static void
plain_device(const char *name)
{
    static const uint32_t off[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM,
                                    ETHTOOL_SRXCSUM };
    struct ifreq r = { .ifr_name = "" };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    for (unsigned i = 0; i < 5; i++) {
        struct ethtool_value v = { .cmd = off[i] };

        r.ifr_data = (void *)&v;
        if (fd < 0 || ioctl(fd, SIOCETHTOOL, &r) != 0)
            die("offload");
    }
    close(fd);
    set_sysctl("ipv4/ip_local_port_range", "1024 65535");
    set_sysctl("ipv4/tcp_max_syn_backlog", "65535");
    set_sysctl("core/somaxconn", "65535");
}

static void
run(const char *command)
{
    if (system(command) != 0) {
        fprintf(stderr, "bench/linux: %s\n", command);
        exit(1);
    }
}

static void
make_link(void)
{
    char command[200];

    if (unshare(CLONE_NEWNET) != 0)
        exit(77);
    away = open("/proc/self/ns/net", O_RDONLY);
    if (away < 0 || unshare(CLONE_NEWNET) != 0)
        exit(77);
    home = open("/proc/self/ns/net", O_RDONLY);
    snprintf(command, sizeof command,
             "ip link add va type veth peer name vb netns /proc/self/fd/%d && "
             "ip addr add 10.7.255.1/16 dev va && ip link set va up",
             away);
    run(command);
    plain_device("va");
    enter(away);
    /* 1,000 addresses, each with 64,000 ports: what is closed stays in TIME-WAIT for a minute */
    run("ip addr add 10.7.255.2/16 dev vb && ip link set vb up && ip link set lo up && "
        "ip route add local 10.7.0.0/20 dev lo");
    plain_device("vb");
    enter(home);
    run("for i in 1 2 3 4 5 6 7 8 9 10; do ip -d link show va | grep -q LOWER_UP && exit 0; sleep 0.1; done; exit 1");
}

static struct sockaddr_in
at(unsigned host)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

    a.sin_addr.s_addr = htonl(0x0a070001u + host % 1000);
    return a;
}

static void
prepare(int fd)
{
    int one = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        die("TCP_NODELAY");
}

static void
watch(int fd)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = fd };

    if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll");
}

static int
open_one(unsigned host)
{
    struct sockaddr_in a = at(host);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0)
        die("socket");
    prepare(fd);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS)
        die("connect");
    end_of[fd] = 1;
    return fd;
}

/* Whoever waits is served: the server echoes and closes when it hears the end, a visitor closes when it
 * has its octet. */
static void
serve(bool visits)
{
    struct epoll_event ready[256];
    int n = epoll_wait(events, ready, 256, 0);

    for (int i = 0; i < n; i++) {
        int fd = ready[i].data.fd;
        char octet;
        ssize_t got;

        if (fd == server) {
            for (;;) {
                int c = accept4(server, NULL, NULL, SOCK_NONBLOCK);

                if (c < 0)
                    break;
                prepare(c);
                end_of[c] = -1;
                watch(c);
                accepted++;
            }
            continue;
        }
        got = read(fd, &octet, 1);
        if (got == 1 && end_of[fd] < 0) {
            if (write(fd, &octet, 1) != 1)
                die("echo");
        } else if (got == 1) {
            done++;
            if (visits)
                close(fd);
        } else if (got == 0) {
            close(fd);
        }
    }
}

static uint64_t
churn(unsigned in_flight)
{
    static unsigned host;
    int *fd = calloc(in_flight, sizeof *fd);
    uint64_t opened = 0;

    begun = cpu_ns();
    while (goes_on()) {
        for (unsigned i = 0; i < in_flight; i++) {
            fd[i] = open_one(host++ / 4096);
            watch(fd[i]);
        }
        for (unsigned i = 0; i < in_flight; i++)
            while (write(fd[i], "x", 1) != 1) { /* it is not open yet */
                if (errno != EAGAIN && errno != ENOTCONN)
                    die("say");
                serve(true);
            }
        opened += in_flight;
        while (done < opened)
            serve(true);
    }
    free(fd);
    return done;
}

static uint64_t
echo(unsigned n)
{
    int *fd = calloc(n, sizeof *fd);
    unsigned batch = n < BATCH ? n : BATCH, next = 0;
    uint64_t said = 0;

    for (unsigned i = 0; i < n; i++) {
        fd[i] = open_one(i / 4096);
        watch(fd[i]);
        if (i % BATCH == BATCH - 1)
            serve(false);
    }
    while (accepted < n)
        serve(false);
    begun = cpu_ns();
    while (goes_on())
        for (unsigned round = 0; round < 16; round++) {
            for (unsigned i = 0; i < batch; i++) {
                if (write(fd[next], "x", 1) != 1)
                    die("say");
                next = next + 1 == n ? 0 : next + 1;
            }
            said += batch;
            while (done < said)
                serve(false);
        }
    free(fd);
    return done;
}

static uint64_t
bulk(void)
{
    static char from[65536], to[65536];
    int size = RING, fd = open_one(0), peer;
    uint64_t total = 0;

    while ((peer = accept4(server, NULL, NULL, SOCK_NONBLOCK)) < 0)
        if (errno != EAGAIN)
            die("accept");
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    for (unsigned i = 0; i < 2000 || goes_on(); i++) {
        ssize_t n;

        if (i == 2000) {
            begun = cpu_ns();
            total = 0;
        }
        while (write(fd, from, sizeof from) > 0)
            ;
        while ((n = read(peer, to, sizeof to)) > 0)
            total += (uint64_t)n;
    }
    return total;
}

int
main(int argc, char **argv)
{
    struct rlimit files = { 1000000, 1000000 };
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    const char *name = argc > 2 && strcmp(argv[1], "--only") == 0 ? argv[2] : "";
    uint64_t units, spent;
    double scale = 1e9;

    if (argc == 5 && strcmp(argv[3], "--ms") == 0)
        budget_ns = strtoull(argv[4], NULL, 10) * 1000000;
    make_link();
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_max <
        2 * strtoull(strchr(name, '-') != NULL ? strchr(name, '-') + 1 : "0", NULL, 10) + 64)
        return 77;   /* two descriptors for each connection */
    (void)alarm(60); /* whatever happens */
    end_of = calloc(1000000, sizeof *end_of);
    enter(away);
    server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    enter(home);
    events = epoll_create1(0);
    if (end_of == NULL || server < 0 || events < 0 ||
        bind(server, (struct sockaddr *)&any, sizeof any) != 0 || listen(server, 65535) != 0)
        die("listen");
    if (strcmp(name, "bulk-copy") == 0) {
        units = bulk();
        scale = 8;
    } else if (strncmp(name, "churn-", 6) == 0 && atoi(name + 6) > 0) {
        watch(server);
        units = churn((unsigned)atoi(name + 6));
    } else if (strncmp(name, "echo-", 5) == 0 && atoi(name + 5) > 0) {
        watch(server);
        units = echo((unsigned)atoi(name + 5));
    } else {
        fprintf(stderr, "usage: bench --only bulk-copy | churn-N | echo-N [--ms MS]\n");
        return 2;
    }
    spent = cpu_ns() - begun;
    printf("%s: %.2f %s, kernel and user\n", name, (double)units / (double)spent * scale,
           scale > 8 ? "1/CPU-s" : "Gbit/CPU-s");
    return 0;
}
