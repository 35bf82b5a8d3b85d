/* SPDX-License-Identifier: MIT */
/* A station on an Ethernet device; see packet.h. */
#include "drivers/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BLOCK = 1 << 18, /* octets; holds at least one packet of the largest size */
    BLOCKS = 16,
    RETIRE_MS = 1, /* a block that is not full is ours after that long */
};

struct packet_device {
    int fd;
    unsigned ifindex;
    uint8_t *ring;
    unsigned block;              /* the one that is read next */
    struct tpacket3_hdr *packet; /* the next packet in it; NULL: the block was not begun */
    unsigned left;               /* packets in it not taken yet */
    char name[IFNAMSIZ];
};

static int
explain(struct failure *why, const char *name, const char *what, int error)
{
    if (error == EPERM || error == EACCES)
        return estab_fail(why, "no right to listen on the device %s: run as root (CAP_NET_RAW)",
                          name);
    return estab_fail(why, "cannot %s the device %s: %s", what, name, strerror(error));
}

/* What the device is and how long its packets may be. */
static int
look_at(struct packet_device *d, uint32_t *mtu, struct failure *why)
{
    struct ifreq request = { 0 };

    memcpy(request.ifr_name, d->name, IFNAMSIZ);
    if (ioctl(d->fd, SIOCGIFHWADDR, &request) < 0)
        return explain(why, d->name, "ask about", errno);
    if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return estab_fail(why, "the device %s is no Ethernet", d->name);
    if (ioctl(d->fd, SIOCGIFFLAGS, &request) < 0)
        return explain(why, d->name, "ask about", errno);
    if ((request.ifr_flags & IFF_UP) == 0)
        return estab_fail(why, "the device %s is down: bring it up with 'ip link set %s up'",
                          d->name, d->name);
    if (ioctl(d->fd, SIOCGIFMTU, &request) < 0)
        return explain(why, d->name, "ask about", errno);
    *mtu = request.ifr_mtu > 65535 ? 65535 : (uint32_t)request.ifr_mtu;
    return 0;
}

/* Frames that came in (our own and the kernel's would come back else), of what we speak, with a tag or
 * without (the kernel has taken it out), to our address or to a group. */
static int
set_filter(struct packet_device *d, const uint8_t mac[6], struct failure *why)
{
    uint32_t high =
        (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    /* clang-format off */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 12, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 0, 7),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)mac[4] << 8 | mac[5], 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0x40000),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    /* clang-format on */
    struct sock_fprog program = { sizeof code / sizeof code[0], code };

    if (setsockopt(d->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return explain(why, d->name, "set a filter for", errno);
    return 0;
}

static int
make_ring(struct packet_device *d, struct failure *why)
{
    struct tpacket_req3 ring = {
        .tp_block_size = BLOCK,
        .tp_block_nr = BLOCKS,
        .tp_frame_size = 2048,
        .tp_frame_nr = BLOCK / 2048 * BLOCKS,
        .tp_retire_blk_tov = RETIRE_MS,
    };
    int version = TPACKET_V3;

    if (setsockopt(d->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
        setsockopt(d->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0)
        return explain(why, d->name, "make a ring for", errno);
    d->ring = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
    if (d->ring == MAP_FAILED) {
        d->ring = NULL;
        return explain(why, d->name, "map the ring of", errno);
    }
    return 0;
}

static int
join(struct packet_device *d, const uint8_t mac[6], struct failure *why)
{
    struct sockaddr_ll at = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = (int)d->ifindex };
    struct packet_mreq also = { .mr_ifindex = (int)d->ifindex,
                                .mr_type = PACKET_MR_UNICAST,
                                .mr_alen = 6 };
    struct packet_mreq all = { .mr_ifindex = (int)d->ifindex, .mr_type = PACKET_MR_ALLMULTI };

    /* A card that filters by itself learns our address; the membership ends with the socket. */
    memcpy(also.mr_address, mac, 6);
    if (setsockopt(d->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &also, sizeof also) < 0 ||
        setsockopt(d->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0)
        return explain(why, d->name, "add our hardware address to", errno);
    /* Only now: what came before the filter would have been everybody's. */
    if (bind(d->fd, (const struct sockaddr *)&at, sizeof at) < 0)
        return explain(why, d->name, "listen on", errno);
    return 0;
}

struct packet_device *
estab_packet_open(const char *name, const uint8_t mac[6], uint32_t *mtu, struct failure *why)
{
    struct packet_device *d = calloc(1, sizeof *d);

    if (d == NULL) {
        estab_fail(why, "out of memory");
        return NULL;
    }
    d->fd = -1;
    strncpy(d->name, name, IFNAMSIZ - 1);
    d->ifindex = if_nametoindex(d->name);
    if (d->ifindex == 0)
        estab_fail(why, "there is no device %s", name);
    else if ((d->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        explain(why, name, "listen on", errno);
    else if (look_at(d, mtu, why) == 0 && set_filter(d, mac, why) == 0 && make_ring(d, why) == 0 &&
             join(d, mac, why) == 0)
        return d;
    estab_packet_close(d);
    return NULL;
}

void
estab_packet_close(struct packet_device *d)
{
    if (d == NULL)
        return;
    if (d->ring != NULL)
        munmap(d->ring, (size_t)BLOCK * BLOCKS);
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}

/* --- what arrives --- */

static struct tpacket_block_desc *
current(const struct packet_device *d)
{
    return (struct tpacket_block_desc *)(void *)(d->ring + (size_t)d->block * BLOCK);
}

/* The next packet of the ring, or NULL. */
static struct tpacket3_hdr *
next_packet(struct packet_device *d)
{
    while (d->left == 0) {
        struct tpacket_block_desc *b = current(d);

        if (d->packet != NULL) { /* all of this block was taken: the kernel has it back */
            __atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
            d->packet = NULL;
            d->block = (d->block + 1) % BLOCKS;
            continue;
        }
        if ((__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
            return NULL;
        d->left = b->hdr.bh1.num_pkts;
        d->packet = (struct tpacket3_hdr *)(void *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
    }
    return d->packet;
}

/* Copies the frame, with the VLAN tag that the kernel has taken out of it. */
static uint32_t
take(const struct tpacket3_hdr *h, struct estab_frame *f)
{
    const uint8_t *from = (const uint8_t *)h + h->tp_mac;
    uint32_t len = h->tp_snaplen, tag = (h->tp_status & TP_STATUS_VLAN_VALID) != 0 ? 4 : 0;

    if (len < 14 || len + tag > f->cap || h->tp_len != len)
        return 0;
    memcpy(f->data, from, 12);
    if (tag != 0) {
        f->data[12] = 0x81;
        f->data[13] = 0;
        f->data[14] = (uint8_t)(h->hv1.tp_vlan_tci >> 8);
        f->data[15] = (uint8_t)h->hv1.tp_vlan_tci;
    }
    memcpy(f->data + 12 + tag, from + 12, len - 12);
    /* A packet from this machine has no checksum yet, because no wire was in between: the kernel
     * leaves that to the card, and vouches for the rest, as the card does for what it has verified. */
    f->flags = (h->tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0
                   ? ESTAB_FRAME_CSUM_VERIFIED
                   : 0;
    return len + tag;
}

static ptrdiff_t
receive(void *ctx, struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct packet_device *d = ctx;
    struct tpacket3_hdr *h;
    size_t got = 0;
    int error = 0;
    socklen_t size = sizeof error;

    (void)now;
    while (got < n && (h = next_packet(d)) != NULL) {
        const struct sockaddr_ll *from =
            (const void *)((const uint8_t *)h +
                           ((sizeof *h + 15) & ~(size_t)15)); /* TPACKET_ALIGN */

        if (from->sll_pkttype != PACKET_OUTGOING) {
            frames[got].len = take(h, &frames[got]);
            got += frames[got].len > 0;
        }
        d->left--;
        if (d->left > 0)
            d->packet = (struct tpacket3_hdr *)(void *)((uint8_t *)h + h->tp_next_offset);
    }
    if (got == 0 && getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0 &&
        error != ENETDOWN)
        return estab_fail(why, "the device %s: %s", d->name, strerror(error));
    if (got == 0 && if_nametoindex(d->name) != d->ifindex)
        return estab_fail(why, "the device %s has gone", d->name);
    return (ptrdiff_t)got;
}

static ptrdiff_t
transmit(void *ctx, const struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct packet_device *d = ctx;
    size_t sent = 0;

    (void)now;
    while (sent < n) {
        ssize_t len = send(d->fd, frames[sent].data, frames[sent].len, MSG_DONTWAIT);

        /* as in tun.c: what the device does not take is lost, and loss is TCP's job */
        if (len >= 0 || errno == ENOBUFS || errno == ENOMEM || errno == ENETDOWN ||
            errno == EMSGSIZE || errno == EINVAL)
            sent++;
        else if (errno == EAGAIN)
            break;
        else if (errno == ENXIO || errno == ENODEV)
            return estab_fail(why, "the device %s has gone", d->name);
        else if (errno != EINTR)
            return estab_fail(why, "sending on the device %s: %s", d->name, strerror(errno));
    }
    return (ptrdiff_t)sent;
}

static estab_time
deadline(const void *ctx)
{
    (void)ctx;
    return ESTAB_NEVER;
}

struct estab_offload
estab_packet_offload(void)
{
    return (struct estab_offload){ .csum_in = true };
}

struct packet_link
estab_packet_link(struct packet_device *d, uint32_t largest_out)
{
    return (struct packet_link){
        .ctx = d,
        .receive = receive,
        .transmit = transmit,
        .deadline = deadline,
        .fd = d->fd,
        .mtu = largest_out,
        .largest = ESTAB_PACKET_LARGEST,
    };
}
