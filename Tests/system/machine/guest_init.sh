#!/bin/sh
# First program of the virtual machine: loads drivers, mounts what a board has, and becomes the guest agent (process 1).
# microagent.system on the kernel's command line says whether the disk becomes the root, under the agent or systemd, or
# the system stays on the initramfs with the disk on /data.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
for module in $(cat /etc/boot-modules); do
    modprobe "$module" || echo "<2>init: module $module did not load" >/dev/kmsg
done
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
hostname board
ip link set lo up
tries=0
until [ -e /dev/vda ] && [ -e /dev/vport*p1 ]; do
    tries=$((tries + 1))
    [ $tries -gt 300 ] && echo "<2>init: no disk or no port" >/dev/kmsg && exit 1
    sleep 0.1
done
ln -s /dev/vport*p1 /dev/agent-port
if ! grep -q microagent.system=initramfs /proc/cmdline; then
    mount -t ext4 -o prjquota /dev/vda /data || exit 1
    for point in proc sys dev; do mount --move /$point /data/$point; done
    mount -t tmpfs tmpfs /data/run
    first=/sbin/guest-agent
    grep -q microagent.system=systemd /data/proc/cmdline && first=/lib/systemd/systemd
    exec switch_root /data $first
fi
mount -t tmpfs tmpfs /run
mount -t ext4 -o prjquota /dev/vda /data || exit 1
exec /sbin/guest-agent
