// Datagrams of a host, or of one interface and its group, and the kernel's messages about interfaces (rtnetlink(7)).
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>

#include "CSystem.h"

// The C library may be older than these (Linux 5.0, 4.20).
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

enum { MOST_HOPS = 255 };

static int set(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof value);
}

static socklen_t length_of(const struct sockaddr *address) {
  return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

// A socket that is bound to the interface goes before one that is not, whoever has it.
static int prepare(int socket, int is_v6, unsigned interface) {
  if (set(socket, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || set(socket, SOL_SOCKET, SO_BINDTOIFINDEX, (int)interface) < 0)
    return -1;
  if (is_v6)
    return set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 || set(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
                   set(socket, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) < 0 ||
                   set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, MOST_HOPS) < 0 ||
                   set(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, MOST_HOPS) < 0
               ? -1
               : 0;
  return set(socket, IPPROTO_IP, IP_PKTINFO, 1) < 0 || set(socket, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0 ||
                 set(socket, IPPROTO_IP, IP_MULTICAST_TTL, MOST_HOPS) < 0 ||
                 set(socket, IPPROTO_IP, IP_TTL, MOST_HOPS) < 0
             ? -1
             : 0;
}

int system_udp_socket(const struct sockaddr *address) {
  int made = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return -errno;
  int is_v6 = address->sa_family == AF_INET6;
  int prepared = is_v6 ? set(made, IPPROTO_IPV6, IPV6_V6ONLY, 1) | set(made, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                       : set(made, IPPROTO_IP, IP_PKTINFO, 1);
  if (prepared == 0 && bind(made, address, length_of(address)) == 0) return made;
  int error = errno;
  close(made);
  return -error;
}

int system_local_address(int socket, struct sockaddr_storage *address) {
  socklen_t length = sizeof *address;
  return getsockname(socket, (struct sockaddr *)address, &length) < 0 ? -errno : 0;
}

static int bind_port(int socket, const struct sockaddr *group) {
  struct sockaddr_storage any = {.ss_family = group->sa_family};
  // The port stands in the same place in both kinds of address.
  ((struct sockaddr_in *)&any)->sin_port = ((const struct sockaddr_in *)group)->sin_port;
  return bind(socket, (struct sockaddr *)&any, length_of(group));
}

static int join(int socket, const struct sockaddr *group, unsigned interface) {
  struct group_req request = {.gr_interface = interface};
  memcpy(&request.gr_group, group, length_of(group));
  int level = group->sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  return setsockopt(socket, level, MCAST_JOIN_GROUP, &request, sizeof request);
}

int system_multicast_socket(const struct sockaddr *group, unsigned interface) {
  int made = socket(group->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return -errno;
  int is_v6 = group->sa_family == AF_INET6;
  if (prepare(made, is_v6, interface) == 0 && bind_port(made, group) == 0 && join(made, group, interface) == 0)
    return made;
  int error = errno;
  close(made);
  return -error;
}

int system_source_address(const struct sockaddr *to, struct sockaddr_storage *from) {
  int made = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (made < 0) return -errno;
  socklen_t length = sizeof *from;
  int result = connect(made, to, length_of(to));
  if (result == 0) result = getsockname(made, (struct sockaddr *)from, &length);
  if (result < 0) result = -errno;
  close(made);
  return result;
}

// Room for which address of ours a datagram is from or for, aligned as a control message header must be.
union packet_info {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

// Has a message leave from an address of ours.
static void set_source(struct msghdr *message, union packet_info *control, const struct sockaddr *from) {
  message->msg_control = control;
  message->msg_controllen = sizeof *control;
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  if (from->sa_family == AF_INET6) {
    struct in6_pktinfo info = {.ipi6_addr = ((const struct sockaddr_in6 *)from)->sin6_addr};
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message->msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    struct in_pktinfo info = {.ipi_spec_dst = ((const struct sockaddr_in *)from)->sin_addr};
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message->msg_controllen = CMSG_SPACE(sizeof info);
  }
}

ssize_t system_send_datagram(int socket, const void *bytes, size_t count, const struct sockaddr *to,
                             const struct sockaddr *from) {
  union packet_info control = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {
      .msg_name = (void *)to, .msg_namelen = length_of(to), .msg_iov = &part, .msg_iovlen = 1};
  if (from) set_source(&message, &control, from);
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

// Notes which address of ours, or that a group, a datagram was sent to.
static void note_destination(const struct cmsghdr *header, struct system_datagram *datagram) {
  if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    datagram->is_multicast = IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
    // Of what was sent to all, it is the address to answer from.
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst};
    if (!datagram->is_multicast) memcpy(&datagram->local, &local, sizeof local);
  } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    datagram->is_multicast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
    struct sockaddr_in6 local = {.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr};
    if (!datagram->is_multicast) memcpy(&datagram->local, &local, sizeof local);
  }
}

ssize_t system_receive_datagram(int socket, void *buffer, size_t capacity, struct system_datagram *datagram) {
  union packet_info control = {0};
  struct iovec part = {.iov_base = buffer, .iov_len = capacity};
  memset(datagram, 0, sizeof *datagram);
  struct msghdr message = {.msg_name = &datagram->source,
                           .msg_namelen = sizeof datagram->source,
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_DONTWAIT);
  while (received < 0 && errno == EINTR);
  if (received < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
    note_destination(header, datagram);
  return received;
}

int system_route_socket(void) {
  int made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (made < 0) return -errno;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
  if (bind(made, (struct sockaddr *)&address, sizeof address) == 0) return made;
  int error = errno;
  close(made);
  return -error;
}

// For requests, of which refusals are told in words.
static int request_socket(int protocol) {
  int made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (made < 0) return -errno;
  // Refusals come with the kernel's words, and without the request.
  set(made, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  set(made, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  return made;
}

int system_netfilter_socket(void) { return request_socket(NETLINK_NETFILTER); }

// A socket stays in the namespace that it was made in. A process that could not come back would take a container's network
// for its own.
int system_route_requests(int pidfd) {
  if (pidfd < 0) return request_socket(NETLINK_ROUTE);
  int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0) return -errno;
  int made = setns(pidfd, CLONE_NEWNET) < 0 ? -errno : request_socket(NETLINK_ROUTE);
  if (setns(own, CLONE_NEWNET) < 0) abort();
  close(own);
  return made;
}

int system_port_is_free(unsigned port, int is_udp) {
  int made = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  if (made < 0) return 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (!is_udp) set(made, SOL_SOCKET, SO_REUSEADDR, 1);
  int is_free = bind(made, (struct sockaddr *)&address, sizeof address) == 0 || errno != EADDRINUSE;
  close(made);
  return is_free;
}

ssize_t system_receive_from_kernel(int socket, void *buffer, size_t capacity) {
  struct sockaddr_nl source = {0};
  ssize_t received;
  do {
    socklen_t length = sizeof source;
    received = recvfrom(socket, buffer, capacity, MSG_DONTWAIT, (struct sockaddr *)&source, &length);
  } while ((received < 0 && errno == EINTR) || (received >= 0 && source.nl_pid != 0));
  return received < 0 ? -errno : received;
}
