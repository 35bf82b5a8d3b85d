/* SPDX-License-Identifier: MIT */
/*
 * TUN devices, the kernel's end of them, and network namespaces (drivers/tun.h, drivers/netlink.h,
 * drivers/netns.h). Each test runs in a child with a namespace of its own, so nothing is left
 * behind; where the kernel allows neither that nor a device, it is skipped.
 */
#include "drivers/netns.h"
#include "drivers/tun.h"
#include "harness/test.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PASSED = 0, FAILED = 1, SKIPPED = 77 };

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            return FAILED;                                                                         \
        }                                                                                          \
    } while (0)

/* Runs `body` in a child with a fresh namespace. */
static void
in_namespace(int (*body)(void))
{
    pid_t child;
    const char *runner = getenv("RUNNER");
    int status;

    /* A user-mode emulator hands on the structures of network ioctls as the wrong byte order has
     * them; on the machine's own processor this test runs. */
    if (runner != NULL && runner[0] != '\0')
        TEST_SKIP("TUN ioctls do not pass through a user-mode emulator");
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct failure why;
        struct tun tun;

        if (estab_netns_enter(&why) < 0) {
            fprintf(stderr, "%s\n", why.text);
            _exit(SKIPPED);
        }
        if (estab_tun_open(&tun, "probe", &why) < 0) {
            fprintf(stderr, "%s\n", why.text);
            _exit(SKIPPED);
        }
        estab_tun_close(&tun);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        TEST_SKIP("no right to a network namespace with a TUN device");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), PASSED);
}

static struct estab_addr
addr(const char *text)
{
    struct estab_addr a;

    if (estab_addr_parse(&a, text) < 0)
        abort();
    return a;
}

static bool
kernel_has(const char *device, const char *text)
{
    struct ifaddrs *all;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        char have[INET6_ADDRSTRLEN] = "";
        const struct sockaddr *sa = i->ifa_addr;

        if (sa == NULL || strcmp(i->ifa_name, device) != 0)
            continue;
        if (sa->sa_family == AF_INET)
            inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, have,
                      sizeof have);
        else if (sa->sa_family == AF_INET6)
            inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, have,
                      sizeof have);
        found = found || strcmp(have, text) == 0;
    }
    freeifaddrs(all);
    return found;
}

static int
makes_and_configures(void)
{
    struct estab_addr kernel4 = addr("10.9.0.1"), kernel6 = addr("fd00:9::1");
    struct failure why;
    struct tun tun;
    uint32_t mtu;
    bool up;

    EXPECT(estab_tun_open(&tun, NULL, &why) == 0);
    EXPECT(strcmp(tun.name, "estab0") == 0);
    EXPECT(tun.made);
    EXPECT(estab_tun_is_up(&tun, &up, &why) == 0 && !up);
    EXPECT(estab_tun_set_mtu(&tun, 1400, &why) == 0);
    EXPECT(estab_tun_mtu(&tun, &mtu, &why) == 0 && mtu == 1400);
    EXPECT(estab_tun_bring_up(&tun, &why) == 0);
    EXPECT(estab_tun_is_up(&tun, &up, &why) == 0 && up);
    EXPECT(estab_tun_add_address(&tun, &kernel4, NULL, 24, &why) == 0);
    EXPECT(kernel_has("estab0", "10.9.0.1"));
    /* A kernel may be without IPv6. */
    if (estab_tun_add_address(&tun, &kernel6, NULL, 64, &why) == 0)
        EXPECT(kernel_has("estab0", "fd00:9::1"));
    estab_tun_close(&tun);
    EXPECT(if_nametoindex("estab0") == 0);
    return PASSED;
}

TEST(a_device_is_made_configured_and_vanishes)
{
    in_namespace(makes_and_configures);
}

/* What the kernel sends to our side arrives, and what we send arrives in the kernel. */
static int
carries_packets(void)
{
    struct estab_addr kernel = addr("192.0.2.1"), own = addr("198.51.100.2");
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint8_t memory[1500];
    struct estab_frame frame = { .data = memory, .cap = sizeof memory };
    struct packet_link port;
    struct failure why;
    struct tun tun;
    ptrdiff_t n = 0;

    EXPECT(estab_tun_open(&tun, "t0", &why) == 0);
    EXPECT(estab_tun_bring_up(&tun, &why) == 0);
    EXPECT(estab_tun_add_address(&tun, &kernel, &own, 32, &why) == 0);
    port = estab_tun_link(&tun, 1500, 1500);
    memcpy(&to.sin_addr, own.bytes, 4);
    EXPECT(sendto(udp, "hello", 5, 0, (struct sockaddr *)&to, sizeof to) == 5);
    for (unsigned i = 0; i < 20 && n == 0; i++) {
        struct pollfd fd = { .fd = tun.fd, .events = POLLIN };

        EXPECT(poll(&fd, 1, 1000) == 1);
        n = port.receive(port.ctx, &frame, 1, 0, &why);
        if (n == 1 && memory[0] >> 4 != 4) /* IPv6 has things to say too */
            n = 0;
    }
    EXPECT(n == 1 && frame.len == 33);
    EXPECT(memcmp(memory + 12, kernel.bytes, 4) == 0 && memcmp(memory + 16, own.bytes, 4) == 0);
    EXPECT(memcmp(memory + 28, "hello", 5) == 0);
    EXPECT(port.transmit(port.ctx, &frame, 1, 0, &why) == 1);
    return PASSED;
}

TEST(a_device_carries_packets_to_a_lone_peer)
{
    in_namespace(carries_packets);
}

/* A kernel that makes no checksum for us, and wants none: what it leaves open is where it says, and
 * what we leave open arrives. */
static int
leaves_checksums(void)
{
    struct estab_addr kernel = addr("192.0.2.1"), own = addr("198.51.100.2");
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) }, at;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint8_t memory[1500], back[16];
    struct estab_frame frame = { .data = memory, .cap = sizeof memory };
    struct timeval patience = { .tv_sec = 5 };
    socklen_t size = sizeof at;
    struct packet_link port;
    struct failure why;
    struct tun tun;
    ptrdiff_t n = 0;
    uint32_t sum;

    EXPECT(estab_tun_open_offload(&tun, "t0", false, &why) == 0);
    if (!tun.offload)
        return SKIPPED;
    EXPECT(estab_tun_offload(&tun).csum_in && estab_tun_offload(&tun).csum_out);
    EXPECT(estab_tun_bring_up(&tun, &why) == 0);
    EXPECT(estab_tun_add_address(&tun, &kernel, &own, 32, &why) == 0);
    port = estab_tun_link(&tun, 1500, 1500);
    memcpy(&to.sin_addr, own.bytes, 4);
    EXPECT(sendto(udp, "hello", 5, 0, (struct sockaddr *)&to, sizeof to) == 5);
    EXPECT(getsockname(udp, (struct sockaddr *)&at, &size) == 0);
    for (unsigned i = 0; i < 20 && n == 0; i++) {
        struct pollfd fd = { .fd = tun.fd, .events = POLLIN };

        EXPECT(poll(&fd, 1, 1000) == 1);
        n = port.receive(port.ctx, &frame, 1, 0, &why);
        if (n == 1 && memory[0] >> 4 != 4)
            n = 0;
    }
    EXPECT(n == 1 && frame.len == 33);
    EXPECT(frame.flags == ESTAB_FRAME_CSUM_PARTIAL);
    EXPECT(frame.csum_start == 20 && frame.csum_offset == 6);
    /* Back to where it came from, with the pseudo-header's sum, which is the same both ways. */
    memcpy(memory + 12, own.bytes, 4);
    memcpy(memory + 16, kernel.bytes, 4);
    memcpy(memory + 22, memory + 20, 2);
    memory[20] = 0;
    memory[21] = 9;
    EXPECT(setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    EXPECT(port.transmit(port.ctx, &frame, 1, 0, &why) == 1);
    EXPECT(recv(udp, back, sizeof back, 0) == 5 && memcmp(back, "hello", 5) == 0);
    /* Without the flag the same is a datagram with a wrong checksum. */
    frame.flags = 0;
    EXPECT(port.transmit(port.ctx, &frame, 1, 0, &why) == 1);
    frame.flags = ESTAB_FRAME_CSUM_PARTIAL;
    memory[28] = 'j';
    EXPECT(port.transmit(port.ctx, &frame, 1, 0, &why) == 1);
    EXPECT(recv(udp, back, sizeof back, 0) == 5 && memcmp(back, "jello", 5) == 0);
    /* And completed here it is right. */
    EXPECT(estab_frame_complete(&frame) && frame.flags == 0);
    sum = (uint32_t)memory[26] << 8 | memory[27];
    EXPECT(sum != 0);
    EXPECT(port.transmit(port.ctx, &frame, 1, 0, &why) == 1);
    EXPECT(recv(udp, back, sizeof back, 0) == 5 && memcmp(back, "jello", 5) == 0);
    return PASSED;
}

TEST(checksums_are_left_to_the_kernel_and_by_it)
{
    in_namespace(leaves_checksums);
}

static int
explains(void)
{
    struct failure why;
    struct tun first, second;

    EXPECT(estab_tun_open(&first, "t0", &why) == 0);
    EXPECT(estab_tun_open(&second, "t0", &why) == -1);
    EXPECT(strcmp(why.text, "the device t0 is in use by another process") == 0);
    EXPECT(estab_tun_open(&second, "lo", &why) == -1);
    EXPECT(strstr(why.text, "lo exists and is not a TUN device") != NULL);
    EXPECT(estab_tun_open(&second, "", &why) == -1);
    EXPECT(estab_tun_open(&second, "a23456789012345x", &why) == -1);
    EXPECT(estab_tun_open(&second, "a/b", &why) == -1);
    EXPECT(estab_tun_open(&second, "a%d", &why) == -1);
    EXPECT(second.fd == -1);
    estab_tun_close(&first);
    EXPECT(estab_tun_open(&second, "t0", &why) == 0);
    return PASSED;
}

TEST(a_device_that_cannot_be_had_is_explained)
{
    in_namespace(explains);
}

static int
spawns(void)
{
    const char *const shell[] = { "sh", "-c", "read x; test \"$x\" = hello && exit 3", NULL };
    const char *const sleeper[] = { "sleep", "100", NULL };
    const char *const nothing[] = { "/nonexistent/program", NULL };
    struct child_streams streams = { -1, -1, -1 };
    struct failure why;
    int ends[2], status;
    pid_t child;

    EXPECT(pipe(ends) == 0);
    streams.in = ends[0];
    child = estab_netns_spawn(shell, &streams, &why);
    EXPECT(child > 0);
    EXPECT(write(ends[1], "hello\n", 6) == 6);
    EXPECT(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
    child = estab_netns_spawn(sleeper, NULL, &why);
    EXPECT(child > 0);
    status = estab_netns_end(child, 1000);
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    EXPECT(estab_netns_spawn(nothing, NULL, &why) == -1);
    EXPECT(strstr(why.text, "/nonexistent/program") != NULL);
    EXPECT(waitpid(-1, NULL, 0) == -1);
    return PASSED;
}

TEST(a_child_is_started_ended_and_its_absence_explained)
{
    in_namespace(spawns);
}
