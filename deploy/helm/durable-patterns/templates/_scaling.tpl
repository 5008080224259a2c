{{- define "patterns.disruption" }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- include "patterns.labels" .pod | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready holds up no drain of a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "patterns.selector" .pod | nindent 6 }}
{{- end -}}

{{- define "patterns.autoscaler" }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels:
    {{- include "patterns.labels" .pod | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ .name }} }
  minReplicas: {{ .scaling.minReplicas }}
  maxReplicas: {{ .scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: AverageValue, averageValue: {{ .scaling.cpu }} }
  behavior:
    # One at a time: each that ends hands its cached workflows and consumers over.
    scaleDown:
      stabilizationWindowSeconds: 300
      policies: [{ type: Pods, value: 1, periodSeconds: 60 }]
{{- end -}}

{{- /* KEDA: on the backlog of each task queue, and on the CPU, whichever needs more pods. */ -}}
{{- define "patterns.scaledobject" }}
{{- $settings := .pod.settings }}
{{- $secrets := .pod.secrets }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .name }}
  labels:
    {{- include "patterns.labels" .pod | nindent 4 }}
spec:
  scaleTargetRef: { name: {{ .name }} }
  minReplicaCount: {{ .scaling.minReplicas }}
  maxReplicaCount: {{ .scaling.maxReplicas }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: 300
          policies: [{ type: Pods, value: 1, periodSeconds: 60 }]
  triggers:
    - type: cpu
      metricType: AverageValue
      metadata: { value: {{ .scaling.cpu | quote }} }
    {{- range .queues }}
    - type: temporal
      metadata:
        endpoint: {{ $settings.TEMPORAL_ADDRESS | quote }}
        namespace: {{ $settings.TEMPORAL_NAMESPACE | default "default" | quote }}
        taskQueue: {{ . | quote }}
        queueTypes: workflow,activity
        targetQueueSize: {{ $.scaling.targetQueueSize | toString | quote }}
        {{- if $settings.WORKER_DEPLOYMENT }}
        workerDeploymentName: {{ $settings.WORKER_DEPLOYMENT | quote }}
        workerDeploymentBuildId: {{ $settings.WORKER_BUILD_ID | quote }}
        {{- end }}
        {{- with $settings.TEMPORAL_TLS_SERVER_NAME }}
        tlsServerName: {{ . | quote }}
        {{- end }}
      {{- if or $secrets.TEMPORAL_API_KEY $.scaling.tlsSecret }}
      authenticationRef: { name: {{ include "patterns.name" $.pod.root }}-temporal }
      {{- end }}
    {{- end }}
{{- end -}}
