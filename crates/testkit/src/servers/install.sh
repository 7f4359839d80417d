# Installs PostgreSQL and RabbitMQ on Debian or Ubuntu without starting the packages' own services.
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    # Asked by package scripts before they start a service; 101 means no. See `man invoke-rc.d`.
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql rabbitmq-server
