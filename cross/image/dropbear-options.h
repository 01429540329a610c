/* What the login server of a board does: it lets in who holds the key that microagent.conf names, and gives a shell. */

/* No passwords. */
#define DROPBEAR_SVR_PASSWORD_AUTH 0

/* Nobody gets from the board into its networks by it. */
#define DROPBEAR_SVR_LOCALTCPFWD 0
#define DROPBEAR_SVR_REMOTETCPFWD 0
#define DROPBEAR_SVR_AGENTFWD 0
#define DROPBEAR_SFTPSERVER 0

/* Each connection that has not shown a key yet takes a process. */
#define MAX_UNAUTH_PER_IP 2
#define MAX_UNAUTH_CLIENTS 6
/* A client that is gone without a word, after so many times so many seconds. */
#define DEFAULT_KEEPALIVE 60

/* What OpenSSH has had since 6.5 (2014); its user's key may be of any kind but DSA, with SHA-2. */
#define DROPBEAR_DH_GROUP14_SHA1 0
#define DROPBEAR_DH_GROUP14_SHA256 0
#define DROPBEAR_ECDH 0
#define DROPBEAR_SHA1_HMAC 0
#define DROPBEAR_RSA_SHA1 0

/* The board makes its key itself, before it listens; no program needs to be started anew for that. */
#define DROPBEAR_DELAY_HOSTKEY 0
#define DROPBEAR_REEXEC 0
#define INETD_MODE 0
#define DO_MOTD 0
