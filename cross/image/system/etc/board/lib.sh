# What the board's scripts share.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
configuration=/boot/microagent.conf

# Tells a person: on the console, and in the kernel's ring of messages, which `dmesg` shows.
say() {
  echo "<5>board: $*" >/dev/kmsg
}

# The disk that the system came from, and the device of one of its partitions.
own_disk() {
  basename "$(dirname "$(readlink -f "/sys/dev/block/$(mountpoint -d /)")")"
}

partition() {
  local entry
  for entry in "/sys/block/$disk"/*/partition; do
    [ "$(cat "$entry")" != "$1" ] || basename "$(dirname "$entry")"
  done
}

# The settings of microagent.conf that are the system's, as variables; a wrong one has its default.
read_settings() {
  network=dhcp router= dns= uplink= home= home_address= ntp= ssh_key=
  eval "$(microagentd --board-settings --config $configuration 2>/dev/null)"
}
