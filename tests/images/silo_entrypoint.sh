#!/bin/sh
# What SILO's image does at its start, written anew for its stand-in in the tests: the program is silo, also for who
# says minio or only what it shall do; everything else is run as it is.
case "${1:-server}" in
  -* | server | fmt-gen | healthcheck) set -- silo "$@" ;;
  minio) shift && set -- silo "$@" ;;
esac
# An account that --user named has no home it may write to.
if [ "${HOME:-/root}" = /root ] || ! [ -w "$HOME" ]; then export HOME=/tmp; fi
exec "$@"
