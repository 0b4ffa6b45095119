#!/bin/sh
# Prints the rules and alerts of deploy/prometheus as PrometheusRules, for the Prometheus Operator:
#     sh deploy/kubernetes/prometheus-rules.sh | kubectl apply -f -
# NAMESPACE says where they go. The Prometheus must be set to pick them up from there, by its ruleNamespaceSelector and
# ruleSelector; LABEL is the label that the latter asks for, if any, as `name: value`.
set -eu
cd "$(dirname "$0")/../prometheus"
for file in oneslot.rules.yml oneslot.alerts.yml; do
  name=$(basename "$file" .yml | tr . -)
  cat <<EOF
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: $name
  namespace: ${NAMESPACE:-oneslot}
  labels:
    ${LABEL:-app.kubernetes.io/name: oneslot}
spec:
EOF
  sed 's/^/  /' "$file"
done
