/* SPDX-License-Identifier: MIT */
/* A TUN device; see tun.h. */
#include "drivers/tun.h"
#include "drivers/netlink.h"
#include "drivers/vnet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"

static int
explain_open(int error, struct failure *why)
{
    switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return estab_fail(why, "there is no " TUN_PATH ": load the kernel's tun module (modprobe "
                               "tun) or give the container that device");
    case EACCES:
    case EPERM:
        return estab_fail(why, "no right to open " TUN_PATH ": run as root");
    default:
        return estab_fail(why, "cannot open " TUN_PATH ": %s", strerror(error));
    }
}

static int
explain_attach(int error, const char *name, bool exists, bool tap, struct failure *why)
{
    const char *kind = tap ? "TAP" : "TUN";

    switch (error) {
    case EPERM:
        if (exists)
            return estab_fail(why,
                              "no right to attach to the device %s: it belongs to another "
                              "user, and this process lacks CAP_NET_ADMIN",
                              name);
        return estab_fail(why,
                          "no right to make the %s device %s: run as root (CAP_NET_ADMIN), or "
                          "have root make it once with 'ip tuntap add dev %s mode %s user "
                          "NAME'",
                          kind, name, name, tap ? "tap" : "tun");
    case EBUSY:
        return estab_fail(why, "the device %s is in use by another process", name);
    case EINVAL:
        if (exists)
            return estab_fail(why, "the device %s exists and is not a %s device with one queue",
                              name, kind);
        return estab_fail(why, "the kernel refuses the device name %s", name);
    default:
        return estab_fail(why, "cannot make the %s device %s: %s", kind, name, strerror(error));
    }
}

static int
open_as(struct tun *tun, const char *name, bool tap, bool offload, struct failure *why)
{
    struct ifreq request = { 0 };
    bool exists = false;

    *tun = (struct tun){ .fd = -1, .tap = tap };
    if (name != NULL && (name[0] == '\0' || strlen(name) >= IFNAMSIZ))
        return estab_fail(why, "a device name has 1 to %d characters, '%s' has %zu", IFNAMSIZ - 1,
                          name, strlen(name));
    if (name != NULL && (strchr(name, '/') != NULL || strchr(name, '%') != NULL))
        return estab_fail(why, "the kernel refuses the device name %s", name);
    if (name != NULL)
        exists = if_nametoindex(name) != 0;
    else
        name = "estab%d";

    tun->fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tun->fd < 0)
        return explain_open(errno, why);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags =
        (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0));
    if (ioctl(tun->fd, TUNSETIFF, &request) < 0) {
        int error = errno;

        estab_tun_close(tun);
        return explain_attach(error, strcmp(name, "estab%d") == 0 ? "estab0" : name, exists, tap,
                              why);
    }
    memcpy(tun->name, request.ifr_name, IFNAMSIZ);
    tun->made = !exists;
    tun->offload = offload;
    /* A persistent device may remember what its last user agreed to. */
    if (ioctl(tun->fd, TUNSETOFFLOAD, offload ? TUN_F_CSUM : 0) < 0 && offload) {
        estab_tun_close(tun);
        return open_as(tun, strcmp(name, "estab%d") == 0 ? NULL : name, tap, false, why);
    }
    tun->ifindex = if_nametoindex(tun->name);
    if (tun->ifindex == 0) {
        estab_tun_close(tun);
        return estab_fail(why, "the device %s vanished at once", request.ifr_name);
    }
    return 0;
}

int
estab_tun_open(struct tun *tun, const char *name, struct failure *why)
{
    return open_as(tun, name, false, false, why);
}

int
estab_tap_open(struct tun *tun, const char *name, struct failure *why)
{
    return open_as(tun, name, true, false, why);
}

int
estab_tun_open_offload(struct tun *tun, const char *name, bool tap, struct failure *why)
{
    return open_as(tun, name, tap, true, why);
}

struct estab_offload
estab_tun_offload(const struct tun *tun)
{
    return (struct estab_offload){ .csum_in = tun->offload, .csum_out = tun->offload };
}

void
estab_tun_close(struct tun *tun)
{
    if (tun->fd >= 0)
        close(tun->fd);
    tun->fd = -1;
}

/* One of the SIOCGIF* requests about the device. */
static int
get(const struct tun *tun, unsigned long what, struct ifreq *request, struct failure *why)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result;

    if (fd < 0 && errno == EAFNOSUPPORT)
        fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return estab_fail(why, "cannot make a kernel socket: %s", strerror(errno));
    memset(request, 0, sizeof *request);
    memcpy(request->ifr_name, tun->name, IFNAMSIZ);
    result = ioctl(fd, what, request);
    if (result < 0)
        estab_fail(why, "cannot ask about the device %s: %s", tun->name, strerror(errno));
    close(fd);
    return result < 0 ? -1 : 0;
}

int
estab_tun_mtu(const struct tun *tun, uint32_t *mtu, struct failure *why)
{
    struct ifreq request;

    if (get(tun, SIOCGIFMTU, &request, why) < 0)
        return -1;
    *mtu = (uint32_t)request.ifr_mtu;
    return 0;
}

int
estab_tun_is_up(const struct tun *tun, bool *up, struct failure *why)
{
    struct ifreq request;

    if (get(tun, SIOCGIFFLAGS, &request, why) < 0)
        return -1;
    *up = (request.ifr_flags & IFF_UP) != 0;
    return 0;
}

static int
explain_configure(const struct tun *tun, const char *what, int error, struct failure *why)
{
    if (error == 0)
        return 0;
    if (error == -EPERM || error == -EACCES)
        return estab_fail(why, "no right to %s the device %s: run as root (CAP_NET_ADMIN)", what,
                          tun->name);
    return estab_fail(why, "cannot %s the device %s: %s", what, tun->name, strerror(-error));
}

int
estab_tun_set_mtu(const struct tun *tun, uint32_t mtu, struct failure *why)
{
    return explain_configure(tun, "set the MTU of", estab_netlink_set_mtu(tun->ifindex, mtu), why);
}

int
estab_tun_bring_up(const struct tun *tun, struct failure *why)
{
    /* Only less noise, which a kernel without IPv6 refuses, and room for a burst of thousands of
     * SYNs, where a device has 500 by default. */
    if (!tun->tap)
        (void)estab_netlink_no_link_local(tun->ifindex);
    (void)estab_netlink_set_queue_length(tun->ifindex, 4096);
    return explain_configure(tun, "bring up", estab_netlink_set_up(tun->ifindex), why);
}

int
estab_tun_add_address(const struct tun *tun, const struct estab_addr *addr,
                      const struct estab_addr *peer, unsigned prefix_len, struct failure *why)
{
    int error = estab_netlink_add_address(tun->ifindex, addr, peer, prefix_len);
    char text[ESTAB_ADDR_TEXT], what[ESTAB_ADDR_TEXT + 32];

    strcpy(what, "set the kernel's address ");
    strcat(what, estab_addr_format(addr, text));
    strcat(what, " on");
    return explain_configure(tun, what, error, why);
}

static int
gone(const struct tun *tun, struct failure *why)
{
    return estab_fail(why, "the device %s has gone", tun->name);
}

/* One packet, as read(2); 0 octets of a packet that nobody can take are left out. */
static ssize_t
read_packet(struct tun *tun, struct estab_frame *f, bool *taken)
{
    uint8_t header[VNET_HEADER];
    struct iovec part[2] = { { header, sizeof header }, { f->data, f->cap } };
    ssize_t len;

    *taken = true;
    f->flags = 0;
    if (!tun->offload) {
        len = read(tun->fd, f->data, f->cap);
        if (len > 0)
            f->len = (uint32_t)len;
        return len;
    }
    len = readv(tun->fd, part, 2);
    if (len < 0)
        return len;
    if (len <= VNET_HEADER) {
        *taken = false;
        return len;
    }
    f->len = (uint32_t)len - VNET_HEADER;
    *taken = estab_vnet_read(f, header);
    return len;
}

static ssize_t
write_packet(struct tun *tun, const struct estab_frame *f)
{
    uint8_t header[VNET_HEADER];
    struct iovec part[2] = { { header, sizeof header }, { f->data, f->len } };

    if (!tun->offload)
        return write(tun->fd, f->data, f->len);
    estab_vnet_write(header, f);
    return writev(tun->fd, part, 2);
}

static ptrdiff_t
receive(void *ctx, struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct tun *tun = ctx;
    size_t got = 0;

    (void)now;
    while (got < n) {
        bool taken;
        ssize_t len = read_packet(tun, &frames[got], &taken);

        if (len > 0)
            got += taken;
        else if (len == 0 || errno == EAGAIN)
            break;
        else if (errno == EBADFD || errno == ENODEV || errno == EFAULT)
            return gone(tun, why);
        else if (errno != EINTR)
            return estab_fail(why, "reading from the device %s: %s", tun->name, strerror(errno));
    }
    return (ptrdiff_t)got;
}

static ptrdiff_t
transmit(void *ctx, const struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct tun *tun = ctx;
    size_t sent = 0;

    (void)now;
    while (sent < n) {
        ssize_t len = write_packet(tun, &frames[sent]);

        /* A device that is down (EIO), a kernel short of memory or one that does not like this
         * packet loses it, and only it: loss is TCP's job. */
        if (len >= 0 || errno == EIO || errno == EINVAL || errno == ENOBUFS || errno == ENOMEM)
            sent++;
        else if (errno == EAGAIN)
            break;
        else if (errno == EBADFD || errno == ENODEV)
            return gone(tun, why);
        else if (errno != EINTR)
            return estab_fail(why, "writing to the device %s: %s", tun->name, strerror(errno));
    }
    return (ptrdiff_t)sent;
}

static estab_time
deadline(const void *ctx)
{
    (void)ctx;
    return ESTAB_NEVER;
}

struct packet_link
estab_tun_link(struct tun *tun, uint32_t mtu, uint32_t largest)
{
    return (struct packet_link){
        .ctx = tun,
        .receive = receive,
        .transmit = transmit,
        .deadline = deadline,
        .fd = tun->fd,
        .mtu = mtu,
        .largest = largest,
    };
}
