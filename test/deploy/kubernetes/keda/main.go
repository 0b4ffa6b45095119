// KEDA's own answer to a trigger that fails: `keda < {"scaledObject": …, "replicas": n}` prints, for each trigger, how
// many replicas the HorizontalPodAutoscaler would be asked for once the failures have passed the threshold; -1 where
// KEDA says nothing, so that the number stays.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"sync"

	"github.com/go-logr/logr"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/fallback"
	appsv1 "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

type question struct {
	ScaledObject kedav1alpha1.ScaledObject `json:"scaledObject"`
	Replicas     int32                     `json:"replicas"`
}

func main() {
	ctrllog.SetLogger(logr.Discard())
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	var answers []float64
	for index := range asked.ScaledObject.Spec.Triggers {
		answer, err := ask(asked, index)
		if err != nil {
			fail(err)
		}
		answers = append(answers, answer)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fail(err)
	}
}

func ask(asked question, index int) (float64, error) {
	object := asked.ScaledObject.DeepCopy()
	trigger := object.Spec.Triggers[index]
	written := trigger.Metadata["threshold"]
	if written == "" {
		written = trigger.Metadata["targetValue"]
	}
	target, err := strconv.ParseFloat(written, 64)
	if err != nil {
		return 0, err
	}
	object.Status.ScaleTargetGVKR = &kedav1alpha1.GroupVersionKindResource{
		Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments",
	}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: object.Spec.ScaleTargetRef.Name, Namespace: object.Namespace},
		Spec:       appsv1.DeploymentSpec{Replicas: &asked.Replicas},
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(kedav1alpha1.AddToScheme(scheme))
	utilruntime.Must(appsv1.AddToScheme(scheme))
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(object, deployment).WithStatusSubresource(object).Build()
	handler := fallback.ScaledObjectHandler{
		Ctx: context.Background(), KubeClient: cluster, UpdateLock: &sync.RWMutex{}, ScaledObject: object,
	}
	spec := autoscaling.MetricSpec{External: &autoscaling.ExternalMetricSource{Target: autoscaling.MetricTarget{
		Type:         trigger.MetricType,
		AverageValue: resource.NewMilliQuantity(int64(target*1000), resource.DecimalSI),
	}}}
	answer := -1.0
	failed := errors.New("the result is empty")
	for failure := int32(0); failure <= object.Spec.Fallback.FailureThreshold+1; failure++ {
		values, _, err := fallback.GetMetricsWithFallback(handler, nil, failed, trigger.Name, spec)
		if err == nil && len(values) > 0 {
			answer = values[0].Value.AsApproximateFloat64() / target
		}
	}
	return answer, nil
}

func fail(err error) {
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(1)
}
