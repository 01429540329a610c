// Datagrams with the interface that they go by, and the kernel's messages about interfaces (rtnetlink(7)).
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "CSystem.h"

#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

enum { MOST_HOPS = 255 };

static int set(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof value);
}

// One that hears only the groups that it has joined itself, and says of each datagram where it came in.
static int prepare_v4(int socket) {
  return set(socket, IPPROTO_IP, IP_PKTINFO, 1) < 0 || set(socket, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0 ||
         set(socket, IPPROTO_IP, IP_MULTICAST_TTL, MOST_HOPS) < 0 || set(socket, IPPROTO_IP, IP_TTL, MOST_HOPS) < 0;
}

static int prepare_v6(int socket) {
  return set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 || set(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
         set(socket, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) < 0 ||
         set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, MOST_HOPS) < 0 ||
         set(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, MOST_HOPS) < 0;
}

int system_multicast_socket(int is_v6, uint16_t port) {
  int made = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return -errno;
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  int failed = set(made, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || (is_v6 ? prepare_v6(made) : prepare_v4(made)) ||
               (is_v6 ? bind(made, (struct sockaddr *)&v6, sizeof v6) : bind(made, (struct sockaddr *)&v4, sizeof v4));
  if (!failed) return made;
  int error = errno;
  close(made);
  return -error;
}

static socklen_t length_of(const struct sockaddr *address) {
  return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

int system_multicast_membership(int socket, const struct sockaddr *group, unsigned interface, int joins) {
  struct group_req request = {.gr_interface = interface};
  memcpy(&request.gr_group, group, length_of(group));
  int level = group->sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  int option = joins ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
  return setsockopt(socket, level, option, &request, sizeof request) < 0 ? -errno : 0;
}

// Room for what one datagram says of its interface, aligned as a control message header must be.
union interface_control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

ssize_t system_send_datagram(int socket, const void *bytes, size_t count, const struct sockaddr *to,
                             unsigned interface) {
  union interface_control control = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_name = (void *)to,
                           .msg_namelen = length_of(to),
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control};
  struct in_pktinfo v4 = {.ipi_ifindex = (int)interface};
  struct in6_pktinfo v6 = {.ipi6_ifindex = interface};
  int is_v6 = to->sa_family == AF_INET6;
  size_t size = is_v6 ? sizeof v6 : sizeof v4;
  message.msg_controllen = CMSG_SPACE(size);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  header->cmsg_type = is_v6 ? IPV6_PKTINFO : IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(header), is_v6 ? (void *)&v6 : (void *)&v4, size);
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

static void read_interface(const struct cmsghdr *header, struct system_datagram *datagram) {
  if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    datagram->interface = (uint32_t)info.ipi_ifindex;
    datagram->is_multicast = IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
  } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    datagram->interface = info.ipi6_ifindex;
    datagram->is_multicast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
  }
}

ssize_t system_receive_datagram(int socket, void *buffer, size_t capacity, struct system_datagram *datagram) {
  union interface_control control = {0};
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
    read_interface(header, datagram);
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

ssize_t system_receive_from_kernel(int socket, void *buffer, size_t capacity) {
  struct sockaddr_nl source = {0};
  ssize_t received;
  do {
    socklen_t length = sizeof source;
    received = recvfrom(socket, buffer, capacity, MSG_DONTWAIT, (struct sockaddr *)&source, &length);
  } while ((received < 0 && errno == EINTR) || (received >= 0 && source.nl_pid != 0));
  return received < 0 ? -errno : received;
}
