# The boards, as images know them. Sourced by the scripts here.

all_boards="alix galileo jetway vm"

# Sets what differs from board to board:
#   firmware   what starts the board's programs: bios or efi
#   console    where a person is told things, with the board's speed: the kernel's words; the last is the first program's
#   kernels    those that the image has; where there are two, the 64-bit one is for processors that can
#   agents     the same for the agent
choose_board() {
  firmware=bios kernels=i586 agents=i586
  case $1 in
    alix) console="console=ttyS0,38400n8" ;;
    galileo) firmware=efi console="console=ttyS1,115200n8 reboot=p" ;;
    jetway) console="console=tty0 console=ttyS0,115200n8" kernels="i586 x86_64" agents="i586 atom64" ;;
    vm) console="console=tty0 console=ttyS0,115200n8" kernels="i586 x86_64" agents="i586 atom64" ;;
    *)
      echo "cross/make-image: no board \"$1\": there are $all_boards" >&2
      exit 2
      ;;
  esac
}
