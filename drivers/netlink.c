/* SPDX-License-Identifier: MIT */
/* rtnetlink(7) requests; see netlink.h. */
#include "drivers/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request: header, fixed part, attributes, each aligned to NLMSG_ALIGNTO. */
struct request {
    struct nlmsghdr header;
    uint8_t body[256];
};

static void *
start(struct request *r, uint16_t type, uint16_t flags, size_t fixed_len)
{
    memset(r, 0, sizeof *r);
    r->header.nlmsg_type = type;
    r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->header.nlmsg_seq = 1;
    r->header.nlmsg_len = (uint32_t)NLMSG_SPACE(fixed_len);
    return NLMSG_DATA(&r->header);
}

/* Appends an attribute; with `data` NULL and `len` 0 one that nest() closes later. */
static struct rtattr *
add(struct request *r, uint16_t type, const void *data, size_t len)
{
    struct rtattr *attr = (struct rtattr *)(void *)((uint8_t *)r + r->header.nlmsg_len);

    attr->rta_type = type;
    attr->rta_len = (uint16_t)RTA_LENGTH(len);
    if (len > 0)
        memcpy(RTA_DATA(attr), data, len);
    r->header.nlmsg_len += (uint32_t)RTA_SPACE(len);
    return attr;
}

static void
nest(struct request *r, struct rtattr *attr)
{
    attr->rta_len = (uint16_t)((uint8_t *)r + r->header.nlmsg_len - (uint8_t *)attr);
}

static int
ask(const struct request *r)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int result = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    if (send(fd, r, r->header.nlmsg_len, 0) < 0) {
        result = -errno;
    } else {
        do
            n = recv(fd, &answer, sizeof answer, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            result = -errno;
        else if ((size_t)n < sizeof answer.header + sizeof(int) ||
                 answer.header.nlmsg_type != NLMSG_ERROR)
            result = -EPROTO;
        else
            result = answer.error.error;
    }
    close(fd);
    return result;
}

int
estab_netlink_set_up(unsigned ifindex)
{
    struct request r;
    struct ifinfomsg *info = start(&r, RTM_NEWLINK, 0, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    return ask(&r);
}

/* One number about the device. */
static int
set_number(unsigned ifindex, uint16_t what, uint32_t number)
{
    struct request r;
    struct ifinfomsg *info = start(&r, RTM_NEWLINK, 0, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    add(&r, what, &number, sizeof number);
    return ask(&r);
}

int
estab_netlink_set_mtu(unsigned ifindex, uint32_t mtu)
{
    return set_number(ifindex, IFLA_MTU, mtu);
}

int
estab_netlink_set_queue_length(unsigned ifindex, uint32_t packets)
{
    return set_number(ifindex, IFLA_TXQLEN, packets);
}

int
estab_netlink_no_link_local(unsigned ifindex)
{
    struct request r;
    struct ifinfomsg *info = start(&r, RTM_NEWLINK, 0, sizeof *info);
    struct rtattr *families, *inet6;
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    families = add(&r, IFLA_AF_SPEC, NULL, 0);
    inet6 = add(&r, AF_INET6, NULL, 0);
    add(&r, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    nest(&r, inet6);
    nest(&r, families);
    return ask(&r);
}

/* Has the kernel a way to this address of its own? 0, 1, or a negative errno. */
static int
is_reached(const struct estab_addr *addr)
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
        uint8_t rest[1024];
    } answer;
    struct request r;
    struct rtmsg *route = start(&r, RTM_GETROUTE, 0, sizeof *route);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), result;
    ssize_t n;

    if (fd < 0)
        return -errno;
    r.header.nlmsg_flags = NLM_F_REQUEST;
    route->rtm_family = AF_INET6;
    route->rtm_dst_len = 128;
    add(&r, RTA_DST, addr->bytes, 16);
    n = send(fd, &r, r.header.nlmsg_len, 0);
    if (n >= 0)
        n = recv(fd, &answer, sizeof answer, 0);
    result = n < 0 ? -errno
                   : (size_t)n >= sizeof answer.header + sizeof answer.route &&
                         answer.header.nlmsg_type == RTM_NEWROUTE &&
                         answer.route.rtm_type == RTN_LOCAL;
    close(fd);
    return result;
}

/* The kernel makes an IPv6 address usable some moments after it has taken it; what comes for it
 * before is lost. 0, also when it takes longer than anybody has seen. */
static int
wait_for_address(const struct estab_addr *addr)
{
    for (unsigned tries = 0; tries < 500; tries++) {
        int reached = is_reached(addr);

        if (reached != 0)
            return reached < 0 ? reached : 0;
        usleep(1000);
    }
    return 0;
}

int
estab_netlink_add_address(unsigned ifindex, const struct estab_addr *addr,
                          const struct estab_addr *peer, unsigned prefix_len)
{
    struct request r;
    struct ifaddrmsg *info = start(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof *info);
    size_t len = addr->family == ESTAB_INET ? 4 : 16;
    uint32_t flags = IFA_F_NODAD;
    int error;

    info->ifa_family = addr->family == ESTAB_INET ? AF_INET : AF_INET6;
    info->ifa_prefixlen = (uint8_t)prefix_len;
    info->ifa_scope = RT_SCOPE_UNIVERSE;
    info->ifa_index = ifindex;
    add(&r, IFA_LOCAL, addr->bytes, len);
    add(&r, IFA_ADDRESS, peer != NULL ? peer->bytes : addr->bytes, len);
    if (addr->family == ESTAB_INET6)
        add(&r, IFA_FLAGS, &flags, sizeof flags);
    error = ask(&r);
    return error == 0 && addr->family == ESTAB_INET6 ? wait_for_address(addr) : error;
}
