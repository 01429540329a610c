#!/bin/sh
# Makes services.txt: tags as Cloudy's scripts write them, each before the list that it says.
tag() {
  printf '%s %s\n' "$(printf '%s\n' "$1" | bzip2 | base64 -w0)" "$1"
}

tag '[]'
tag '[{"s":"serf","d":"Serf_agent","m":"upc-c6.guifi.local","i":"10.139.40.22","p":"5000","e":"demo","t":""}]'
tag '[{"s":"tahoe-lafs","d":"Tahoe-LAFS_node","m":"bcn-lib1.guifi.local","i":"10.228.207.42","p":"3456","e":"demo","t":"ujcw2b3kyqkrnbmsd6pnwgyzaoqrq6dv"},{"s":"syncthing","d":"Syncthing","m":"bcn-lib1.guifi.local","i":"10.228.207.42","p":"8384","e":"demo","t":""},{"s":"proxy3","d":"Proxy_server","m":"bcn-lib1.guifi.local","i":"10.228.207.42","p":"3128","e":"demo","t":"Federated=Yes"}]'
tag '[{"s":"Docker","d":"nextcloud","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"32768","e":"production","t":""},{"s":"peerstreamer","d":"TV_de_la_plaça","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"8888","e":"production","t":""},{"s":"tincvpn","d":"getinconf","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"665","e":"production","t":""},{"s":"dnsservice","d":"DNS","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"53","e":"production","t":""},{"s":"snpservice","d":"SNP","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"80","e":"production","t":""},{"s":"owp","d":"OWP","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"3000","e":"production","t":""},{"s":"ipfs","d":"IPFS","m":"sants-docker.guifi.local","i":"10.1.57.66","p":"5001","e":"production","t":""}]'
